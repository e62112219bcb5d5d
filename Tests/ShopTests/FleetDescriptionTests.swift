import Foundation
import Testing

@testable import Shop

@Suite struct FleetDescriptionTests {
    @Test func theBuiltInFleetIsTheFileInFixtures() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("Fixtures/fleets/shopstack.yaml")
        #expect(try String(contentsOf: file, encoding: .utf8) == FleetDescription.shopstackYAML)
        let fleet = try FleetDescription.shopstack()
        #expect(
            fleet.services.map(\.name) == [
                "web", "user", "catalogue", "cart", "payment", "shipping", "ratings", "dispatch",
            ])
        #expect(
            fleet.services.map(\.health) == [
                "/", "/health", "/health", "/health", "/health", "/health", "/_health", nil,
            ])
        // What the file says is also what a file that says nothing means.
        var defaults = FleetDescription()
        defaults.name = "shopstack"
        defaults.services = fleet.services
        #expect(fleet == defaults)
    }

    @Test func mistakesInAFleetFileAreToldWithTheirPlace() {
        let services = ServiceRole.allCases.map { "  - name: \($0.rawValue)\n" }.joined()
        let cases: [(yaml: String, line: Int, column: Int, says: String)] = [
            ("", 1, 1, "role `web`"),
            ("services:\n  - name: web\n", 1, 1, "role `user`"),
            ("naem: shop\n", 1, 1, "unknown key `naem` in the fleet; known are name,"),
            ("services:\n  - name: web\n    prot: 80\n", 3, 5, "unknown key `prot` in a service"),
            ("services:\n  - name: web\n    port: 70000\n", 3, 11, "from 0 to 65535"),
            ("services:\n  - name: web\n    port: many\n", 3, 11, "whole number"),
            ("services:\n  - role: web\n", 2, 5, "needs a `name`"),
            ("services:\n  - name: front\n", 2, 5, "needs a `role`"),
            ("services:\n  - name: a\n    role: pump\n", 3, 11, "must be one of web, user"),
            ("services:\n  - name: web\n  - name: web\n", 3, 5, "two services are named `web`"),
            ("services:\n  - name: web\n  - {name: b, role: web}\n", 3, 5, "the same role `web`"),
            ("services:\n  - {name: web, port: 81}\n  - {name: user, port: 81}\n", 3, 5, "the same port 81"),
            ("services:\n  - name: web\n    health: up\n", 3, 13, "a path such as /health"),
            ("services:\n  - name: web\n    health: /api//x\n", 3, 13, "a path such as /health"),
            ("services:\n  - name: web\n    health: /{all}\n", 3, 13, "a path such as /health"),
            ("services:\n  - name: web\n    health: /metrics\n", 3, 13, "serves something else"),
            ("services:\n  - name: web\n    health: /api/catalogue/products\n", 3, 13, "serves something else"),
            ("services:\n  - health: /codes\n    name: shipping\n", 2, 13, "serves something else"),
            ("services:\n  - name: web\n    log_format: xml\n", 3, 17, "plain, logfmt, json"),
            ("services: web\n", 1, 11, "must be a list"),
            ("systems:\n  oracle: {}\n", 2, 3, "unknown key `oracle`"),
            ("systems:\n  redis:\n    latency: fast\n", 3, 14, "must be a duration"),
            ("systems:\n  redis:\n    latency: -4ms\n", 3, 14, "must be a duration"),
            ("systems:\n  redis:\n    latency: 1e300m\n", 3, 14, "must be a duration"),
            ("payment:\n  decline_share: 2\n", 2, 18, "from 0.0 to 1.0"),
            ("payment: [1]\n", 1, 10, "must be a mapping"),
            ("load:\n  rate: nan\n", 2, 9, "must be a number"),
            ("load:\n  seed: -1\n", 2, 9, "whole number"),
            ("faults:\n  redis-down:\n    share: 1\n", 3, 5, "unknown key `share`"),
            ("faults:\n  meteor: {}\n", 2, 3, "known are payment-errors, catalogue-slow"),
            ("services: [\n", 2, 1, "not valid YAML"),
            ("a: b: c\n", 1, 5, "not valid YAML"),
        ]
        for (yaml, line, column, says) in cases {
            #expect(throws: FleetError.self, "\(yaml)") { try FleetDescription(yaml: yaml, file: "fleet.yaml") }
            do {
                _ = try FleetDescription(yaml: yaml, file: "fleet.yaml")
            } catch let error as FleetError {
                let text = error.description
                #expect(text.hasPrefix("fleet.yaml:\(line):\(column): "), "\(yaml)\n\(text)")
                #expect(text.contains(says), "\(yaml)\n\(text)")
            } catch {
                Issue.record(error)
            }
        }
        #expect(throws: Never.self) {
            try FleetDescription(yaml: "services:\n" + services + "systems:\n  redis:\n", file: "fleet.yaml")
        }
    }

    @Test func aFleetFileSaysWhatTheFleetDoes() throws {
        let services = ServiceRole.allCases.dropFirst().map { "  - name: \($0.rawValue)\n" }.joined()
        let fleet = try FleetDescription(
            yaml: """
                base_port: 0
                services:
                  - {name: front, role: web, port: 8080, version: 2.1.0, health: /}
                \(services)
                systems: {mysql: {address: db.internal, port: 3307, latency: 1.5ms}}
                payment: {decline_share: 0.5, latency: 2s}
                load: {rate: 2.5, customers: 3, seed: 7}
                faults: {queue-backlog: {delay: 1m}, payment-errors: {share: 1}}
                """, file: "fleet.yaml")
        #expect(
            fleet.service(.web)
                == ServiceDescription(name: "front", role: .web, port: 8080, version: "2.1.0", health: "/"))
        #expect(
            fleet.systems.mysql
                == SystemDescription(address: "db.internal", port: 3307, latency: .microseconds(1500)))
        #expect(fleet.payment.latency == .seconds(2))
        #expect(fleet.load == LoadDescription(rate: 2.5, customers: 3, seed: 7))
        #expect(fleet.faults.dispatchDelay == .seconds(60))
        #expect(fleet.faults.paymentErrorShare == 1)
    }
}
