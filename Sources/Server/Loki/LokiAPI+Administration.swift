import Logging
import Storage
import Wire

/// What Loki answers at its root for people and for their scripts.
extension LokiAPI {
    func registerAdministration(on routes: Routes) {
        func on(
            _ methods: [HTTPCall.Method], _ path: String,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(methods, path, errors: LokiAPI.errors, handler: handler)
        }
        on([.get], "/config") { _ in
            .text(SecretMasking.masked(process.configuration.text))
        }
        on([.get], "/services") { _ in
            .text(
                ["server", "store", "querier", "ruler", "distributor"].map { "\($0) => Running\n" }.joined())
        }
        on([.get], "/log_level") { _ in .text("Current log level is \(process.logger.logLevel)\n") }
        on([.post], "/log_level") { _ in
            throw HTTPFailure(
                400, "the log level is set at the start (--log-level); it is \(process.logger.logLevel)")
        }
        on([.get, .post], "/flush") { _ in
            try await process.events.seal()
            return .noContent
        }
    }
}
