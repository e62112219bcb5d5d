import Codecs
import HTTPTypes
import HummingbirdCore
import NIOCore
import Storage

extension Routes {
    /// Shorter bodies are not worth packing.
    private static let packedFrom = 4096

    /// An answer as it goes out: packed where it is of some size and the client takes that (query results shrink to a
    /// tenth), in pieces where it is made piece by piece, without its body for HEAD.
    static func response(_ answer: HTTPAnswer, to request: Request) -> Response {
        var fields = HTTPFields()
        if let type = answer.contentType { fields[.contentType] = type }
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        fields[.accessControlAllowOrigin] = "*"
        if request.method == .options || request.headers[.origin] != nil {
            fields[.accessControlAllowMethods] = "GET, POST, PUT, DELETE, OPTIONS"
            fields[.accessControlAllowHeaders] = "Accept, Authorization, Content-Type, Origin"
            fields[.accessControlExposeHeaders] = "Date"
        }
        let status = HTTPResponse.Status(code: answer.status)
        guard request.method != .head else {
            if answer.rest == nil { fields[.contentLength] = "\(answer.body.count)" }
            return Response(status: status, headers: fields, body: ResponseBody())
        }
        let packing = fields[.contentEncoding] == nil && answer.contentType != nil ? packing(for: request) : nil
        if let rest = answer.rest {
            if let packing { name(packing, &fields) }
            return Response(status: status, headers: fields, body: streamed(answer.body, rest, packing))
        }
        var body = answer.body
        if let packing, body.count > packedFrom, var stream = DeflateStream(packing),
            let packed = try? stream.add(body, isLast: true)
        {
            body = packed
            name(packing, &fields)
        }
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func name(_ packing: DeflateStream.Container, _ fields: inout HTTPFields) {
        fields[.contentEncoding] = packing == .gzip ? "gzip" : "deflate"
        fields[.vary] = "Accept-Encoding"
    }

    /// The first of gzip and deflate that is accepted, `q=0` being a refusal (RFC 9110 12.5.3).
    private static func packing(for request: Request) -> DeflateStream.Container? {
        guard let accepted = request.headers[.acceptEncoding]?.lowercased() else { return nil }
        var taken: Set<String> = []
        for item in accepted.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.trimmingSpaces }
            guard let name = parts.first else { continue }
            let isRefused = parts.dropFirst().contains { part in
                guard part.hasPrefix("q="), let weight = Double(part.dropFirst(2)) else { return false }
                return weight == 0
            }
            if !isRefused { taken.insert(name) }
        }
        return taken.contains("gzip") ? .gzip : taken.contains("deflate") ? .zlib : nil
    }

    private static func streamed(
        _ first: [UInt8], _ rest: any BodyPieces, _ packing: DeflateStream.Container?
    ) -> ResponseBody {
        ResponseBody { writer in
            // Pieces are made on the query threads and are small: packing one keeps the connection's thread for a moment.
            var packer: DeflateStream?
            if let packing {
                packer = DeflateStream(packing)
                if packer == nil { throw StorageError.overloaded("no memory to compress an answer") }
            }
            var pieces = rest
            var piece: [UInt8]? = first
            while let bytes = piece {
                let packed = try packer?.add(bytes, isLast: false) ?? bytes
                if !packed.isEmpty { try await writer.write(ByteBuffer(bytes: packed)) }
                piece = try await pieces.next()
            }
            if let end = try packer?.add([], isLast: true) { try await writer.write(ByteBuffer(bytes: end)) }
            try await writer.finish(nil)
        }
    }
}
