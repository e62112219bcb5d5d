import Wire

/// Keeps up with the objects of one kind in one namespace: lists them once, then follows the changes, over lost
/// connections and forgotten versions.
struct KubernetesWatcher: Sendable {
    /// Milliseconds.
    struct Timing: Sendable {
        var firstPause: Int64 = 800
        var longestPause: Int64 = 30_000
        /// How long the server is asked to keep a watch open: also the longest that a dead connection goes unnoticed.
        var watch: ClosedRange<Int64> = 240_000...300_000
    }

    /// A change to what is known.
    enum Change: Sendable {
        /// Everything that there is; what is not in it is gone.
        case all([KubernetesObject])
        case set(KubernetesObject)
        case removed(KubernetesObject)
    }

    let resource: KubernetesResource
    /// Nil for all.
    let namespace: String?
    let selector: KubernetesConfiguration.Selector
    let transport: any KubernetesTransport
    var timing = Timing()

    /// Runs until cancelled. `failed` is told of every failure after which it tries again.
    func run(
        changed: @escaping @Sendable (Change) async -> Void, failed: @escaping @Sendable (any Error) -> Void
    ) async throws {
        var pause = timing.firstPause
        var version: String?
        while true {
            do {
                let from: String
                if let version {
                    from = version
                } else {
                    let (objects, listed) = try await list()
                    await changed(.all(objects))
                    from = listed
                    version = listed
                }
                let started = ContinuousClock.now
                let progress = Progress(from)
                do {
                    try await watch(progress, changed)
                    version = await progress.version
                } catch {
                    version = await progress.version
                    throw error
                }
                pause = timing.firstPause
                // A server that ends every watch at once must not be asked without a breath.
                if ContinuousClock.now - started < .seconds(1) {
                    try await Task.sleep(for: .milliseconds(timing.firstPause))
                }
            } catch KubernetesFailure.expired {
                version = nil
                try await Task.sleep(for: .milliseconds(timing.firstPause / 4))
            } catch {
                try Task.checkCancellation()
                failed(error)
                // What a refused watch missed is not known, a new list tells.
                if case KubernetesFailure.refused = error { version = nil }
                try await Task.sleep(for: .milliseconds(pause / 2 + Int64.random(in: 0...max(1, pause / 2))))
                pause = min(pause * 2, timing.longestPause)
            }
        }
    }

    // MARK: List

    private func query(_ parameters: [(name: String, value: String)]) -> String {
        var parameters = parameters
        if !selector.label.isEmpty { parameters.append((name: "labelSelector", value: selector.label)) }
        if !selector.field.isEmpty { parameters.append((name: "fieldSelector", value: selector.field)) }
        return resource.path(namespace) + "?" + WebAddress.form(parameters)
    }

    /// All objects, page by page, and the version to watch from.
    private func list() async throws -> (objects: [KubernetesObject], version: String) {
        var objects: [KubernetesObject] = []
        var token: String?
        while true {
            var parameters = [(name: "limit", value: "500")]
            if let token { parameters.append((name: "continue", value: token)) }
            let path = query(parameters)
            let body = try await transport.get(path, accept: resource.accept(isList: true))
            let page: (version: String, token: String?)
            do {
                page = try readPage(body, into: &objects)
            } catch {
                throw KubernetesFailure.unreadable(path: path, reason: "\(error)")
            }
            guard let next = page.token, next != token else { return (objects, page.version) }
            token = next
        }
    }

    /// One object is held as a tree at a time: the whole of a page would be many times its text.
    private func readPage(_ body: [UInt8], into objects: inout [KubernetesObject]) throws(WireError) -> (
        version: String, token: String?
    ) {
        var reader = JSONReader(body)
        var key: [UInt8] = []
        var version = ""
        var token: String?
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("metadata".utf8) {
                let metadata = try JSONTree.read(&reader)
                version = metadata["resourceVersion"].string ?? ""
                token = metadata["continue"].string.flatMap { $0.isEmpty ? nil : $0 }
            } else if key.elementsEqual("items".utf8), try reader.peek() == .array {
                try reader.beginArray()
                while try reader.nextElement() {
                    if let object = KubernetesObject.read(try JSONTree.read(&reader), resource) {
                        objects.append(object)
                    }
                }
            } else {
                try reader.skipValue()
            }
        }
        try reader.finish()
        return (version, token)
    }

    // MARK: Watch

    /// The version up to which everything is known.
    private actor Progress {
        private(set) var version: String
        init(_ version: String) { self.version = version }
        func advance(to newer: String) { version = newer }
    }

    private func watch(_ progress: Progress, _ changed: @escaping @Sendable (Change) async -> Void) async throws {
        let length = Int64.random(in: timing.watch)
        let path = query([
            (name: "watch", value: "true"), (name: "allowWatchBookmarks", value: "true"),
            (name: "resourceVersion", value: await progress.version),
            (name: "timeoutSeconds", value: String(max(1, length / 1000))),
        ])
        try await transport.stream(path, accept: resource.accept(isList: false), timeout: length + 30_000) { line in
            guard let event = try? JSONTree.read(line) else {
                throw KubernetesFailure.unreadable(path: path, reason: "an event is not JSON")
            }
            let object = event["object"] ?? .null
            switch event["type"].string {
            case "ADDED", "MODIFIED":
                if let object = KubernetesObject.read(object, resource) { await changed(.set(object)) }
            case "DELETED":
                if let object = KubernetesObject.read(object, resource) { await changed(.removed(object)) }
            case "BOOKMARK": break
            case "ERROR":
                let code = object["code"].integer ?? 0
                if code == 410 { throw KubernetesFailure.expired }
                throw KubernetesFailure.refused(path: path, status: code, message: object["message"].string ?? "")
            default: return
            }
            if let version = object["metadata"]["resourceVersion"].string { await progress.advance(to: version) }
        }
    }
}
