import Storage

package enum IngestSignal: String, Sendable, CaseIterable { case traces, logs, metrics }

/// Why a whole request was refused.
package enum IngestFailure: Error, Sendable, CustomStringConvertible {
    /// The sender's fault: sending it again gives the same answer.
    case badData(String)
    /// Come back later: something does not work at the moment.
    case overloaded(String, retryAfterSeconds: Int)
    /// Come back later: there is too much at the moment.
    case exhausted(String, retryAfterSeconds: Int)
    case internalFault(String)

    package var description: String {
        switch self {
        case .badData(let sentence), .overloaded(let sentence, _), .exhausted(let sentence, _),
            .internalFault(let sentence):
            sentence
        }
    }

    init(storing error: any Error) {
        switch error {
        case let failure as IngestFailure: self = failure
        case let error as StorageError:
            switch error {
            // A full disk is no fault of the sender's pace, and some drop what is answered with 429.
            case .diskFull: self = .overloaded(error.description, retryAfterSeconds: 5)
            case .overloaded: self = .exhausted(error.description, retryAfterSeconds: 5)
            default: self = .internalFault(error.description)
            }
        default: self = .internalFault("\(error)")
        }
    }
}
