/// What can go wrong below the languages. Each case says what, where and, where there is one, the way out.
package enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    case cancelled
    /// A person ended the query.
    case killed
    case timedOut
    case memoryBudgetExceeded(limit: Int)
    case tooManySamples(limit: Int)
    /// The disk refuses writes; reads go on.
    case diskFull(path: String)
    case io(operation: String, path: String, errno: Int32)
    /// Bytes on disk are not what was written there.
    case corrupt(path: String, offset: Int, reason: String)
    /// The data folder needs something that this build or this version has not.
    case unsupported(String)
    case overloaded(String)
    case closed
    case badMatcher(String)

    package var description: String {
        switch self {
        case .cancelled: "query was canceled: its client has gone or the server is stopping"
        case .killed: "query was killed: somebody ended it with `needletail query --kill` or DELETE /api/v1/queries/ID"
        case .timedOut:
            "query timed out: it took longer than its limit (--query.timeout of the server, timeout= of the request); "
                + "narrow the time range or the selector, or ask for a longer step"
        case .memoryBudgetExceeded(let limit):
            "the query would hold more than its memory budget of \(limit >> 20) MiB; narrow the time range or the selector"
        case .tooManySamples(let limit):
            "query processing would load too many samples into memory in query execution (limit \(limit), "
                + "--query.max-samples); narrow the time range or the selector"
        case .diskFull(let path): "no space left on the disk of \(path): writes are refused until there is space again"
        case .io(let operation, let path, let code): "\(operation) \(path) failed: \(StorageError.text(of: code))"
        case .corrupt(let path, let offset, let reason): "\(path) is damaged at byte \(offset): \(reason)"
        case .unsupported(let sentence): sentence
        case .overloaded(let sentence): sentence
        case .closed: "the store is closed"
        case .badMatcher(let sentence): sentence
        }
    }
}
