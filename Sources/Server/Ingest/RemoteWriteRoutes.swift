import Codecs
import Storage
import Telemetry
import Wire

extension ServerProcess {
    /// Of a request's body, packed and unpacked, as in Prometheus: senders know how to make smaller ones.
    static let remoteWriteLimit = 32 << 20

    func addRemoteWrite(to routes: Routes) {
        let paths = ["/api/v1/write", "/prometheus/api/v1/write"]
        for path in paths {
            routes.on([.post], path, errors: plainIngestError) { [self] call in
                try await RemoteWriteReceiver(
                    gateway: gateway, limit: min(options.bodyLimit, ServerProcess.remoteWriteLimit)
                )
                .answer(call)
            }
            routes.on([.get, .head, .put, .delete], path, errors: plainIngestError) { _ in
                var answer = HTTPAnswer.text("remote write takes POST only\n", status: 405)
                answer.headers = [("Allow", "POST")]
                return answer
            }
        }
    }
}

/// Remote write over HTTP: which message it is, how it is packed, and what the answer says.
struct RemoteWriteReceiver {
    let gateway: IngestGateway
    let limit: Int

    func answer(_ call: HTTPCall) async throws -> HTTPAnswer {
        let version = try RemoteWriteReceiver.version(contentType: call.headers["content-type"] ?? "")
        var answer: HTTPAnswer
        var outcome = IngestGateway.RemoteWriteOutcome()
        do {
            outcome = try await gateway.remoteWrite(unpacked(call), version: version)
            // Prometheus' answer to samples that cannot be stored; the others of the request are kept.
            answer =
                outcome.reasons.isEmpty
                ? .noContent : .text(outcome.reasons.joined(separator: "\n") + "\n", status: 400)
        } catch {
            answer = plainIngestError(error)
        }
        if version == .two {
            // Without them a sender must take a success for that of a receiver that knows 1.0 only.
            answer.headers += [
                ("X-Prometheus-Remote-Write-Samples-Written", "\(outcome.samples)"),
                ("X-Prometheus-Remote-Write-Histograms-Written", "\(outcome.histograms)"),
                ("X-Prometheus-Remote-Write-Exemplars-Written", "\(outcome.exemplars)"),
            ]
        }
        return answer
    }

    /// The message by its media type. Throws 415 with what to send instead.
    static func version(contentType: String) throws -> RemoteWrite.Version {
        let parts = contentType.split(separator: ";", omittingEmptySubsequences: false).map(\.trimmingSpaces)
        let type = parts.first?.lowercased() ?? ""
        var version = RemoteWrite.Version.one
        var isKnown = type.isEmpty || type == "application/x-protobuf"
        for part in parts.dropFirst() where part.lowercased().hasPrefix("proto=") {
            switch part.dropFirst(6).trimmingSpaces {
            case "prometheus.WriteRequest", "\"prometheus.WriteRequest\"": version = .one
            case "io.prometheus.write.v2.Request", "\"io.prometheus.write.v2.Request\"": version = .two
            default: isKnown = false
            }
        }
        guard isKnown else {
            throw HTTPFailure(
                415,
                "Content-Type \"\(contentType)\" is not known here: send application/x-protobuf;proto=prometheus.WriteRequest "
                    + "or application/x-protobuf;proto=io.prometheus.write.v2.Request")
        }
        return version
    }

    private func unpacked(_ call: HTTPCall) throws -> [UInt8] {
        let encoding = (call.headers["content-encoding"] ?? "").trimmingSpaces.lowercased()
        guard encoding == "snappy" || encoding.isEmpty else {
            throw HTTPFailure(415, "Content-Encoding \"\(encoding)\" is not supported for remote write: send snappy")
        }
        guard call.body.count <= limit else {
            throw HTTPFailure(413, "the body is larger than \(limit) bytes; send smaller batches")
        }
        do { return try Snappy.decompress(call.body, limit: limit) } catch {
            if error.isOverLimit {
                throw HTTPFailure(400, "the body decompresses to more than \(limit) bytes; send smaller batches")
            }
            throw HTTPFailure(400, "the body is not snappy in block format: \(error)")
        }
    }
}
