import PromQL
import Storage
import Telemetry
import Wire

/// `{status, data, errorType, error, warnings, infos}` and its status codes.
enum PrometheusEnvelope {
    static func success(warnings: [String] = [], infos: [String] = [], _ data: (inout JSONWriter) throws -> Void)
        rethrows -> HTTPAnswer
    {
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        try data(&json)
        self.sentences(warnings, infos, &json)
        json.endObject()
        return .json(json.takeBytes())
    }

    static let truncated = "results truncated due to limit"

    /// `warnings` and `infos`, ten of each at most.
    static func sentences(_ warnings: [String], _ infos: [String], _ json: inout JSONWriter) {
        for (name, sentences) in [("warnings", warnings), ("infos", infos)] where !sentences.isEmpty {
            json.key(name)
            json.beginArray()
            for sentence in sentences.prefix(10) { json.string(sentence) }
            if sentences.count > 10 {
                json.string("\(sentences.count - 10) more \(name == "infos" ? "info" : "warning") annotations omitted")
            }
            json.endArray()
        }
    }

    static let errors: Routes.ErrorShaper = { error in
        switch error {
        case let failure as HTTPFailure:
            var refusal = answer(failure.status, type(of: failure.status), failure.message)
            if let seconds = failure.retryAfter { refusal.headers.append(("Retry-After", "\(seconds)")) }
            return refusal
        case let error as PromQLError:
            switch error {
            case .parse: return answer(400, "bad_data", "invalid parameter \"query\": \(error)")
            case .evaluation: return answer(422, "execution", error.description)
            }
        case let error as StorageError:
            switch error {
            case .cancelled, .killed: return answer(499, "canceled", error.description)
            case .timedOut: return answer(503, "timeout", error.description)
            case .memoryBudgetExceeded, .tooManySamples: return answer(422, "execution", error.description)
            case .badMatcher: return answer(400, "bad_data", error.description)
            case .overloaded, .diskFull:
                var refusal = answer(503, "unavailable", error.description)
                refusal.headers.append(("Retry-After", "5"))
                return refusal
            default: return answer(500, "internal", error.description)
            }
        case is CancellationError: return answer(499, "canceled", StorageError.cancelled.description)
        default: return answer(500, "internal", "\(error)")
        }
    }

    private static func type(of status: Int) -> String {
        switch status {
        case 400, 405, 413, 415: "bad_data"
        case 404: "not_found"
        case 406: "not_acceptable"
        case 422: "execution"
        case 503: "unavailable"
        default: "internal"
        }
    }

    static func answer(_ status: Int, _ type: String, _ message: String) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "error")
        json.field("errorType", type)
        json.field("error", message)
        json.endObject()
        return .json(json.takeBytes(), status: status)
    }
}

extension JSONWriter {
    mutating func labels(_ labels: LabelSet) {
        beginObject()
        labels.forEachRange { name, value in
            key(labels.bytes[name])
            string(labels.bytes[value])
        }
        endObject()
    }

    /// Unix seconds with up to three decimals, as a number.
    mutating func seconds(_ milliseconds: Int64) {
        var text = milliseconds < 0 ? "-" : ""
        text += String(milliseconds.magnitude / 1000)
        let rest = milliseconds.magnitude % 1000
        if rest != 0 {
            var digits = String(rest)
            digits = String(repeating: "0", count: 3 - digits.count) + digits
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        raw(text.utf8)
    }

    /// A list of strings, cut at `limit` where it is positive.
    mutating func strings(_ list: [String], limit: Int = 0) {
        beginArray()
        for text in limit > 0 ? list.prefix(limit) : list[...] { string(text) }
        endArray()
    }
}
