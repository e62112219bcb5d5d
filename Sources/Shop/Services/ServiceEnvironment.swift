import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceInstrumentation

typealias ShopRouter = Router<BasicRequestContext>

/// Everything that one service of the fleet works with.
struct ServiceEnvironment: Sendable {
    let service: ServiceDescription
    let fleet: FleetDescription
    let telemetry: ServiceTelemetry
    let log: ServiceLog
    let client: ServiceClient
    let data: ShopData
    let queue: MessageQueue
    let faults: FaultSwitches
    let seed: UInt64

    var metrics: MetricsRegistry { telemetry.metrics }

    func mongodb(_ namespace: String) -> BackingSystem {
        let slow = service.role == .catalogue
        return BackingSystem(
            name: "mongodb", namespace: namespace, system: fleet.systems.mongodb, telemetry: telemetry, data: data,
            extraDelay: { [faults, delay = fleet.faults.catalogueDelay] in
                slow && faults.isOn(.catalogueSlow) ? delay : .zero
            })
    }

    func mysql(_ namespace: String) -> BackingSystem {
        BackingSystem(
            name: "mysql", namespace: namespace, system: fleet.systems.mysql, telemetry: telemetry, data: data)
    }

    /// Redis numbers its databases; 0 is the one that everybody uses.
    func redis() -> BackingSystem {
        BackingSystem(
            name: "redis", namespace: "0", system: fleet.systems.redis, telemetry: telemetry, data: data,
            isDown: { [faults] in faults.isOn(.redisDown) })
    }
}

/// A service's routes. Handlers throw `RequestRefused` for what they do not accept.
protocol ShopService: Sendable {
    func addRoutes(to router: ShopRouter)
}

/// JSON in and out.
enum JSON {
    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return bytes(ByteBuffer(bytes: try encoder.encode(value)), status: status)
    }

    static func error(_ message: String, status: HTTPResponse.Status) -> Response {
        (try? response(["error": message], status: status)) ?? Response(status: status)
    }

    static func bytes(_ body: ByteBuffer, status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
    }

    /// - Throws: `RequestRefused` with status 400 or 413.
    static func decode<Value: Decodable>(_ request: Request, as type: Value.Type = Value.self) async throws -> Value {
        let limit = 64 << 10
        guard let body = try? await request.body.collect(upTo: limit) else {
            throw RequestRefused(.contentTooLarge, "the body is larger than \(limit) bytes")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(body.readableBytesView))
        } catch {
            throw RequestRefused(.badRequest, "the body is not the JSON that this path takes")
        }
    }
}

extension BasicRequestContext {
    /// A path parameter, percent-decoded.
    func parameter(_ name: String) throws -> String {
        guard let raw = parameters.get(name), let text = raw.removingPercentEncoding, !text.isEmpty else {
            throw RequestRefused(.badRequest, "the path lacks `\(name)`")
        }
        return text
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let value = Int(try parameter(name)), range.contains(value) else {
            throw RequestRefused(
                .badRequest, "`\(name)` must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}

extension String {
    /// For one segment of a path.
    var pathSegment: String {
        var allowed = CharacterSet.urlPathAllowed
        allowed.remove("/")
        return addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}
