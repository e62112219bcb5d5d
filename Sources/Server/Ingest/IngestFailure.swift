import Storage

package enum IngestSignal: String, Sendable, CaseIterable { case traces, logs, metrics }

/// Why a whole request was refused.
package enum IngestFailure: Error, Sendable, CustomStringConvertible {
    /// The sender's fault: sending it again gives the same answer.
    case badData(String)
    /// Come back later.
    case overloaded(String, retryAfterSeconds: Int)
    case internalFault(String)

    package var description: String {
        switch self {
        case .badData(let sentence), .overloaded(let sentence, _), .internalFault(let sentence): sentence
        }
    }

    init(storing error: any Error) {
        switch error {
        case let failure as IngestFailure: self = failure
        case let error as StorageError:
            switch error {
            case .diskFull, .overloaded: self = .overloaded(error.description, retryAfterSeconds: 5)
            default: self = .internalFault(error.description)
            }
        default: self = .internalFault("\(error)")
        }
    }
}
