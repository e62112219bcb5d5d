import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Scraping

@Suite struct KubernetesWatchTests {
    private static let pods = "/api/v1/pods"

    /// Runs a discovery against a recorded server while `body` plays with both.
    private static func with(
        _ text: String, _ server: RecordedKubernetes, namespaces: [String?] = [nil],
        _ body: (Published) async throws -> Void
    ) async throws {
        let discovery = KubernetesDiscovery(configuration: try KubernetesRoleTests.configuration(text))
        let published = Published()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await discovery.run(
                    watchers: discovery.watchers(
                        namespaces: namespaces, transport: server, timing: RecordedKubernetes.fast),
                    failed: { published.fail($0) }, update: { published.add($0) })
            }
            try await body(published)
            group.cancelAll()
        }
    }

    @Test func eventsReplaceJustTheirObject() async throws {
        typealias Server = RecordedKubernetes
        let ports = ["8080", "9090"]
        func addresses(_ hosts: String...) -> [String] {
            hosts.flatMap { host in ports.map { "\(host):\($0)" } + [host] }
        }
        let server = Server([Self.pods: Server.list([Server.pod("a"), Server.pod("b", address: "10.1.0.6")])])
        try await Self.with("role: pod", server) { published in
            #expect(await published.wait(for: addresses("10.1.0.5", "10.1.0.6")))
            server.event(Self.pods, "ADDED", Server.pod("c", address: "10.1.0.7"))
            #expect(await published.wait(for: addresses("10.1.0.5", "10.1.0.6", "10.1.0.7")))
            server.event(Self.pods, "MODIFIED", Server.pod("b", address: "10.1.0.66"))
            #expect(await published.wait(for: addresses("10.1.0.5", "10.1.0.66", "10.1.0.7")))
            server.event(Self.pods, "DELETED", Server.pod("a"))
            #expect(await published.wait(for: addresses("10.1.0.66", "10.1.0.7")))
            // What changes nothing that makes targets publishes nothing; what is odd is passed over.
            let count = published.count
            server.event(Self.pods, "MODIFIED", Server.pod("c", address: "10.1.0.7"))
            server.event(Self.pods, "MODIFIED", #"{"metadata":{"resourceVersion":"8"}}"#)
            server.event(Self.pods, "SOMETHING", #"{"metadata":{"name":"c","namespace":"shop"}}"#)
            server.event(Self.pods, "ADDED", "null")
            server.event(Self.pods, "MODIFIED", Server.pod("b", address: ""))
            #expect(await published.wait(for: addresses("10.1.0.7")))
            #expect(published.count == count + 1)
            #expect(published.errors.isEmpty)
        }
    }

    @Test func watchesGoOnWhereTheyWereAndListAgainWhenForgotten() async throws {
        typealias Server = RecordedKubernetes
        let server = Server([Self.pods: Server.list([Server.pod("a")], version: "100")])
        try await Self.with("{role: pod, selectors: [{role: pod, label: 'app in (x, y)', field: f=1}]}", server) {
            published in
            #expect(await published.wait { $0.count == 1 })
            server.send(
                Self.pods,
                .line(#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"150"}}}"#))
            server.send(Self.pods, .end)
            #expect(await published.wait { _ in server.requests("resourceVersion=150") == 1 })
            // A lost connection goes on from the same version, and is told.
            server.send(Self.pods, .fail(KubernetesFailure.badSetting("connection lost")))
            #expect(await published.wait { _ in server.requests("resourceVersion=150") == 2 })
            #expect(published.errors == ["connection lost"])
            #expect(server.requests("limit=500") == 1)
            // What went away meanwhile is gone after the new list.
            server.setList(Self.pods, Server.list([Server.pod("z", address: "10.9.9.9")], version: "300"))
            server.send(
                Self.pods,
                .line(#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}"#))
            #expect(await published.wait { $0.last?.allSatisfy { $0.source == "pod/shop/z" } == true })
            #expect(await published.wait { _ in server.requests("resourceVersion=300") == 1 })
            #expect(server.requests("limit=500") == 2)
            #expect(published.errors.count == 1, "a forgotten version is nothing to complain about")
            // Refused and broken answers are tried again; the targets stay.
            server.fail(
                Self.pods,
                [
                    KubernetesFailure.read(path: Self.pods, status: 410, body: []),
                    KubernetesFailure.read(path: "p", status: 403, body: Array(#"{"message":"forbidden"}"#.utf8)),
                ])
            server.send(Self.pods, .end)
            #expect(await published.wait { $0.errors.contains("the API server refused p with 403: forbidden") })
            server.setList(Self.pods, #"{"metadata":{},"items":[{]}"#)
            server.send(Self.pods, .line(#"{"type":"ERROR","object":{"code":500,"message":"boom"}}"#))
            #expect(await published.wait { $0.errors.contains { $0.contains("cannot be read") } })
            #expect(published.last?.isEmpty == false)
            server.setList(Self.pods, Server.list([], version: "400"))
            #expect(await published.wait { $0.last?.isEmpty == true })
        }
        let selected = "labelSelector=app%20in%20%28x%2C%20y%29&fieldSelector=f%3D1"
        #expect(server.requests.allSatisfy { $0.contains(selected) })
        #expect(server.requests.contains { $0.contains("watch=true&allowWatchBookmarks=true&resourceVersion=100") })
    }

    @Test func pagesAndNamespacesAreAllRead() async throws {
        typealias Server = RecordedKubernetes
        let inA = "/api/v1/namespaces/a/pods"
        let inB = "/api/v1/namespaces/b/pods"
        func pod(_ name: String, _ namespace: String, _ address: String) -> String {
            Server.pod(name, address: address).replacingOccurrences(of: "\"shop\"", with: "\"\(namespace)\"")
        }
        let server = Server([
            inA: Server.list([pod("p1", "a", "10.0.0.1")], version: "1", token: "next/1"),
            "\(inA) next%2F1": Server.list([pod("p2", "a", "10.0.0.2")], version: "5"),
            inB: Server.list([pod("p1", "b", "10.0.0.3")]),
        ])
        try await Self.with("role: pod", server, namespaces: ["a", "b"]) { published in
            #expect(await published.wait { Set($0.last?.map(\.source) ?? []) == ["pod/a/p1", "pod/a/p2", "pod/b/p1"] })
            #expect(await published.wait { _ in server.requests("a/pods?watch=true") == 1 })
            #expect(server.requests.contains { $0.contains("a/pods?watch") && $0.contains("resourceVersion=5") })
            // A new list of one namespace says nothing about the other.
            server.setList(inA, Server.list([]))
            server.send(inA, .fail(KubernetesFailure.expired))
            #expect(await published.wait { Set($0.last?.map(\.source) ?? []) == ["pod/b/p1"] })
        }
    }

    @Test func objectsAroundATargetMakeItAnew() async throws {
        typealias Server = RecordedKubernetes
        let server = Server([
            "/api/v1/endpoints": Server.list([Server.endpoints]), "/api/v1/services": Server.list([]),
            "/api/v1/nodes": Server.list([]), "/api/v1/namespaces": Server.list([]),
        ])
        server.fail(Self.pods, [KubernetesFailure.badSetting("not yet")])
        let text = "{role: endpoints, attach_metadata: {node: true, namespace: true}}"
        try await Self.with(text, server) { published in
            // Nothing is published before every kind is listed.
            #expect(await published.wait { $0.errors.count > 1 })
            #expect(published.count == 0)
            server.setList(Self.pods, Server.list([]))
            #expect(await published.wait(for: ["10.1.0.5:8080", "10.1.0.6:8080"]))
            func has(_ name: String, _ value: String?) -> (Published) -> Bool {
                { $0.last?.first { $0.targets == ["10.1.0.5:8080"] }?.labels["__meta_kubernetes_\(name)"] == value }
            }
            #expect(has("service_name", nil)(published))
            server.event("/api/v1/services", "ADDED", Server.service)
            #expect(await published.wait(has("service_label_tier", "front")))
            server.event("/api/v1/nodes", "ADDED", Server.node)
            #expect(await published.wait(has("node_label_zone", "a")))
            server.event("/api/v1/namespaces", "ADDED", Server.namespace)
            #expect(await published.wait(has("namespace_label_team", "a")))
            server.event(Self.pods, "ADDED", Server.pod("web-1"))
            #expect(await published.wait(for: ["10.1.0.5:8080", "10.1.0.6:8080", "10.1.0.5:9090"]))
            server.event(Self.pods, "DELETED", Server.pod("web-1"))
            server.event("/api/v1/services", "DELETED", Server.service)
            #expect(await published.wait(for: ["10.1.0.5:8080", "10.1.0.6:8080"]))
            #expect(await published.wait(has("service_name", nil)))
            // What nothing depends on publishes nothing.
            let count = published.count
            server.event(Self.pods, "ADDED", Server.pod("stranger"))
            server.event("/api/v1/namespaces", "DELETED", Server.namespace)
            #expect(await published.wait(has("namespace_label_team", nil)))
            #expect(published.count <= count + 2)
        }
    }

    @Test func linesAreCutWhereverTheChunksEnd() throws {
        let text = Array("{\"a\":1}\r\n\n{\"b\":2}\nrest".utf8)
        for size in 1...text.count {
            var lines = KubernetesLines()
            var found: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                found += try lines.add(text[start..<min(start + size, text.count)])
                    .map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(found == ["{\"a\":1}", "{\"b\":2}"])
        }
        var lines = KubernetesLines(maximum: 10)
        #expect(throws: KubernetesFailure.self) {
            for _ in 0..<11 { _ = try lines.add([0x20]) }
        }
    }

    /// Any field missing, or of another kind than documented: fewer targets or labels, never a trap.
    @Test func oddObjectsNeverTrap() throws {
        typealias Server = RecordedKubernetes
        var random = SeededGenerator(seed: 99)
        let samples: [(KubernetesResource, KubernetesRole, String)] = [
            (.nodes, .node, Server.node), (.pods, .pod, Server.pod("p")), (.services, .service, Server.service),
            (.endpoints, .endpoints, Server.endpoints), (.endpointSlices, .endpointslice, Server.slice("s")),
            (.ingresses, .ingress, Server.ingress),
        ]
        func mangle(_ tree: JSONTree) -> JSONTree? {
            switch Int.random(in: 0..<24, using: &random) {
            case 0: return nil
            case 1: return .null
            case 2: return .number("-99999999999999999999")
            case 3: return .string("")
            case 4: return .array([.object([:]), .bool(true)])
            case 5: return .object(["name": .number("65536")])
            default: break
            }
            switch tree {
            case .object(let fields): return .object(fields.compactMapValues { mangle($0) })
            case .array(let elements): return .array(elements.compactMap { mangle($0) })
            default: return tree
            }
        }
        for (resource, role, text) in samples {
            let tree = try JSONTree.read(Array(text.utf8))
            var configuration = KubernetesConfiguration(role: role)
            configuration.attached.node = true
            var found = 0
            for _ in 0..<500 {
                guard let object = mangle(tree).flatMap({ KubernetesObject.read($0, resource) }) else { continue }
                var around: [KubernetesResource: [String: KubernetesObject]] = [
                    .pods: ["shop/web-1": try #require(try Self.read(Server.pod("web-1"), .pods))]
                ]
                around[resource, default: [:]][object.metadata.key] = object
                found += KubernetesTargets(configuration: configuration, objects: around).groups(of: object).count
            }
            #expect(found > 0 || role == .pod, "\(role)")
        }
    }

    private static func read(_ text: String, _ resource: KubernetesResource) throws -> KubernetesObject? {
        KubernetesObject.read(try JSONTree.read(Array(text.utf8)), resource)
    }
}
