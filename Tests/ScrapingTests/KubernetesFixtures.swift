import Foundation
import Synchronization
import Telemetry

@testable import Scraping

/// An API server as it was recorded: lists by path, and events that the test sends to open watches.
final class RecordedKubernetes: KubernetesTransport {
    enum Step: Sendable {
        case line(String)
        /// The server closes the watch.
        case end
        case fail(any Error)
    }

    private struct Watch {
        var stream: AsyncStream<Step>
        var continuation: AsyncStream<Step>.Continuation
    }

    private struct State {
        var lists: [String: String]
        var failures: [String: [any Error]] = [:]
        var watches: [String: Watch] = [:]
        var requests: [String] = []
    }

    private let state: Mutex<State>

    /// - Parameter lists: the answer to a list by path, without its query.
    init(_ lists: [String: String]) { state = Mutex(State(lists: lists)) }

    var requests: [String] { state.withLock { $0.requests } }

    func requests(_ part: String) -> Int { requests.filter { $0.contains(part) }.count }

    func setList(_ path: String, _ text: String) { state.withLock { $0.lists[path] = text } }

    /// The next requests to a path fail so, one after the other.
    func fail(_ path: String, _ errors: [any Error]) { state.withLock { $0.failures[path, default: []] += errors } }

    func send(_ path: String, _ step: Step) { watch(path).continuation.yield(step) }

    func event(_ path: String, _ type: String, _ object: String) {
        send(path, .line(#"{"type":"\#(type)","object":\#(object.split(separator: "\n").joined())}"#))
    }

    private func watch(_ path: String) -> Watch {
        state.withLock { state in
            if let known = state.watches[path] { return known }
            let (stream, continuation) = AsyncStream<Step>.makeStream()
            let made = Watch(stream: stream, continuation: continuation)
            state.watches[path] = made
            return made
        }
    }

    private func take(_ request: String) throws -> String {
        let path = String(request.split(separator: "?")[0])
        let failure = state.withLock { state -> (any Error)? in
            state.requests.append(request)
            guard var failures = state.failures[path], !failures.isEmpty else { return nil }
            let first = failures.removeFirst()
            state.failures[path] = failures
            return first
        }
        if let failure { throw failure }
        return path
    }

    func get(_ request: String, accept: String) async throws -> [UInt8] {
        let path = try take(request)
        let token =
            request.split(separator: "&").first { $0.hasPrefix("continue=") }.map { " \($0.dropFirst(9))" } ?? ""
        guard let text = state.withLock({ $0.lists[path + token] }) else {
            throw KubernetesFailure.read(path: path, status: 404, body: Array(#"{"message":"not found"}"#.utf8))
        }
        return Array(text.utf8)
    }

    func stream(
        _ request: String, accept: String, timeout: Int64, line: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let path = try take(request)
        for await step in watch(path).stream {
            switch step {
            case .line(let text): try await line(Array(text.utf8))
            case .end: return
            case .fail(let error): throw error
            }
        }
        try Task.checkCancellation()
    }

    static func list(_ items: [String], version: String = "100", token: String = "") -> String {
        #"{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"\#(version)","continue":"\#(token)"},"#
            + #""items":[\#(items.joined(separator: ","))]}"#
    }

    static let fast = KubernetesWatcher.Timing(firstPause: 4, longestPause: 20, watch: 60_000...60_000)

    // MARK: Objects

    static let node = """
        {"metadata":{"name":"n1","uid":"u","labels":{"zone":"a","kubernetes.io/os":"linux"},"annotations":{"x":"y"}},
        "spec":{"providerID":"aws:///eu/i-1"},
        "status":{"addresses":[{"type":"Hostname","address":"n1.local"},{"type":"InternalIP","address":"10.0.0.1"},
        {"type":"InternalIP","address":"fd00::1"},{"type":"odd"}],
        "conditions":[{"type":"Ready","status":"True"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10255}}}}
        """

    static func pod(
        _ name: String, address: String = "10.1.0.5", owner: String = "ReplicaSet", labels: String = #"{"app":"web"}"#
    ) -> String {
        """
        {"metadata":{"name":"\(name)","namespace":"shop","uid":"uid-1","resourceVersion":"7","labels":\(labels),
        "annotations":{"prometheus.io/scrape":"true"},"managedFields":[{"manager":"kubelet"}],
        "ownerReferences":[{"kind":"Other","name":"o"},{"kind":"\(owner)","name":"owner-1","controller":true}]},
        "spec":{"nodeName":"n1","containers":[
        {"name":"app","image":"shop/web:1","ports":[{"containerPort":8080,"name":"http","protocol":"TCP"},
        {"containerPort":9090,"name":"metrics","protocol":"TCP"},{"name":"odd"}]}],
        "initContainers":[{"name":"proxy","image":"mesh:2"},{"image":"nameless"}]},
        "status":{"podIP":"\(address)","hostIP":"10.0.0.1","phase":"Running",
        "conditions":[{"type":"Ready","status":"True"}],
        "containerStatuses":[{"name":"app","containerID":"containerd://abc"}]}}
        """
    }

    static let service = """
        {"metadata":{"name":"web","namespace":"shop","labels":{"tier":"front"},"annotations":{"note":"1"}},
        "spec":{"type":"ClusterIP","clusterIP":"10.96.0.7","ipFamilyPolicy":"PreferDualStack","ipFamilies":["IPv4","IPv6"],
        "ports":[{"name":"http","port":80,"protocol":"TCP"},{"name":"odd","port":"x"}]}}
        """

    static let endpoints = """
        {"metadata":{"name":"web","namespace":"shop","labels":{"e":"1"}},"subsets":[{"ports":[{"name":"http","port":8080,
        "protocol":"TCP"}],"addresses":[{"ip":"10.1.0.5","nodeName":"n1",
        "targetRef":{"kind":"Pod","name":"web-1","namespace":"shop"}}],
        "notReadyAddresses":[{"ip":"10.1.0.6","hostname":"h6"},{"hostname":"odd"}]},{}]}
        """

    static func slice(_ name: String, type: String = "IPv4", address: String = "10.1.0.5") -> String {
        """
        {"metadata":{"name":"\(name)","namespace":"shop","labels":{"kubernetes.io/service-name":"web"}},
        "addressType":"\(type)","ports":[{"name":"http","port":8080,"protocol":"TCP","appProtocol":"http"}],
        "endpoints":[{"addresses":["\(address)"],"conditions":{"ready":true,"serving":true,"terminating":false},
        "hostname":"h","nodeName":"n1","zone":"eu-1a","targetRef":{"kind":"Pod","name":"web-1","namespace":"shop"},
        "deprecatedTopology":{"topo/x":"v"}},{"conditions":null}]}
        """
    }

    static let ingress = """
        {"metadata":{"name":"front","namespace":"shop"},"spec":{"ingressClassName":"nginx",
        "tls":[{"hosts":["*.shop.example"]}],"rules":[
        {"host":"www.shop.example","http":{"paths":[{"path":"/"},{"path":"/cart"},{}]}},{"host":"shop.example"},{}]}}
        """

    static let namespace = #"{"metadata":{"name":"shop","labels":{"team":"a"},"annotations":{"mail":"b"}}}"#

    static func owned(_ name: String, by kind: String, _ owner: String) -> String {
        #"{"metadata":{"name":"\#(name)","namespace":"shop","ownerReferences":[{"kind":"\#(kind)","name":"\#(owner)","controller":true}]}}"#
    }
}

/// What a discovery published, as it comes.
final class Published: Sendable {
    private let all = Mutex<[[TargetGroup]]>([])
    private let failures = Mutex<[String]>([])

    func add(_ groups: [TargetGroup]) { all.withLock { $0.append(groups) } }
    func fail(_ error: any Error) { failures.withLock { $0.append("\(error)") } }
    var count: Int { all.withLock { $0.count } }
    var errors: [String] { failures.withLock { $0 } }
    var last: [TargetGroup]? { all.withLock { $0.last } }

    /// True as soon as the condition holds, false after ten seconds.
    func wait(_ condition: (Published) -> Bool) async -> Bool {
        for _ in 0..<1000 {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    /// Waits for exactly these addresses.
    func wait(for addresses: [String]) async -> Bool {
        await wait { $0.last?.flatMap(\.targets).sorted() == addresses.sorted() }
    }
}
