import HTTPTypes
import HummingbirdCore
import NIOCore
import Storage
import Telemetry
import Wire

/// What `systemd-journal-upload` sends: one request whose body may never end, so it is stored as it comes.
struct JournalUpload: Sendable {
    let process: ServerProcess

    func register(on routes: Routes) {
        let requests = routes.requests
        for path in ["/upload", "/journal/upload", "/insert/journald/upload"] {
            routes.onRequest(.post, path) { request in
                let answer: HTTPAnswer
                do { answer = try await receive(request) } catch { answer = plainIngestError(failure(error)) }
                requests.increment(["handler": path, "code": "\(answer.status)"])
                return response(answer)
            }
        }
    }

    private func failure(_ error: any Error) -> any Error {
        error is WireError ? process.gateway.refuse(error, .logs, "journald") : error
    }

    private func response(_ answer: HTTPAnswer) -> Response {
        var fields = HTTPFields()
        if let type = answer.contentType { fields[.contentType] = type }
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        fields[.acceptEncoding] = "zstd, gzip"
        return Response(
            status: .init(code: answer.status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }

    private func receive(_ request: Request) async throws -> HTTPAnswer {
        var journal = JournalExport(now: TimeParameters.nowNanoseconds)
        var total = Total()
        let memory = BodyMemory(budget: process.budget)
        let encoding = request.headers[.contentEncoding] ?? ""
        if encoding.isEmpty || encoding.lowercased() == "identity" {
            for try await chunk in request.body {
                try journal.receive(chunk.readableBytesView)
                try memory.hold(journal.heldBytes)
                try await store(&journal, &total)
            }
        } else {
            var body: [UInt8] = []
            for try await chunk in request.body {
                guard body.count + chunk.readableBytes <= process.options.bodyLimit else {
                    throw HTTPFailure(
                        413, "a compressed body of more than \(process.options.bodyLimit) bytes is not taken")
                }
                try memory.hold(body.count + chunk.readableBytes)
                body.append(contentsOf: chunk.readableBytesView)
            }
            try journal.receive(
                ContentDecoding.decode(body, encoding: encoding, limit: process.options.bodyLimit))
        }
        try journal.finish()
        try await store(&journal, &total)
        // As systemd-journal-remote answers.
        let outcome = total.outcome
        let repeated = total.repeated > 0 ? " \(total.repeated) entries were here already." : ""
        let rejected =
            outcome.rejected > 0 ? " \(outcome.rejected) entries were not kept: \(outcome.message ?? "")" : ""
        return .text("OK. \(outcome.accepted) entries stored.\(repeated)\(rejected)\n", status: 202)
    }

    private struct Total {
        var outcome = IngestGateway.Outcome()
        var repeated = 0
    }

    private func store(_ journal: inout JournalExport, _ total: inout Total) async throws {
        let entries = journal.take(now: TimeParameters.nowNanoseconds)
        guard !entries.isEmpty else { return }
        let (outcome, repeated) = try await process.journalResends.append(entries, context: process.queryContext()) {
            [gateway = process.gateway] in try await gateway.ingest($0, "journald")
        }
        total.outcome.accepted += outcome.accepted
        total.outcome.rejected += outcome.rejected
        total.outcome.message = total.outcome.message ?? outcome.message
        total.repeated += repeated
    }
}
