/// How a fleet runs here and now; what is nil comes from the fleet's description.
package struct ShopOptions: Sendable {
    /// Base URL of the OTLP/HTTP receiver for spans and logs.
    package var otlpEndpoint = "http://127.0.0.1:4318"
    /// Address that all services listen on.
    package var host = "127.0.0.1"
    /// Replaces the fleet's base port: services without a port of their own get this one and the following.
    package var basePort: Int?
    /// Replaces the fleet's control port; 0 takes any free one.
    package var controlPort: Int?
    /// Every service and the control endpoint take any free port, whatever the description says.
    package var ephemeralPorts = false
    /// Requests per second of all customers; 0 means none.
    package var rate: Double?
    package var seed: UInt64?
    /// Kept between runs when given; otherwise a temporary folder that is removed at the end.
    package var dataFolder: String?

    package init() {}
}
