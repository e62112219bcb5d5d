import HTTPTypes

/// An answer of another service that the caller cannot work with.
struct UpstreamFailed: Error, CustomStringConvertible {
    let service: String
    let status: Int
    let message: String

    var description: String { "\(service) answered \(status): \(message)" }
}

/// Another service that does not answer at all.
struct UpstreamUnavailable: Error, CustomStringConvertible {
    let service: String
    let reason: String

    var description: String { "\(service) does not answer: \(reason)" }
}

/// A request that a service refuses, with the status to answer.
struct RequestRefused: Error, CustomStringConvertible {
    let status: HTTPResponse.Status
    let message: String

    init(_ status: HTTPResponse.Status, _ message: String) {
        self.status = status
        self.message = message
    }

    var description: String { message }
}
