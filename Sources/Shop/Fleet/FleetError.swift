/// Why a fleet cannot be described or run.
package enum FleetError: Error, Equatable, CustomStringConvertible {
    /// A problem in a fleet file, with its place. Lines and columns count from 1.
    case file(file: String, line: Int, column: Int, message: String)
    case portInUse(service: String, host: String, port: Int)
    case cannotListen(service: String, host: String, port: Int, reason: String)
    case badAddress(service: String, host: String, port: Int)
    case unknownFault(String)
    case data(folder: String, reason: String)
    case alreadyRunning

    package var description: String {
        switch self {
        case .file(let file, let line, let column, let message):
            "\(file):\(line):\(column): \(message)"
        case .portInUse(let service, let host, let port):
            "port \(port) on \(host), meant for \(service), is in use: stop the program that listens there, "
                + "or choose other ports with --base-port or with `port` in the fleet file (0 takes any free one)"
        case .cannotListen(let service, let host, let port, let reason):
            "\(service) cannot listen on \(host):\(port): \(reason)"
        case .badAddress(let service, let host, let port):
            "\(service) cannot listen on \(host):\(port): ports run from 0 to 65535"
        case .unknownFault(let name):
            "unknown fault `\(name)`: the faults are "
                + Fault.allCases.map(\.rawValue).joined(separator: ", ")
        case .data(let folder, let reason):
            "the shop's data in \(folder) cannot be used: \(reason)"
        case .alreadyRunning:
            "this fleet is already running"
        }
    }
}
