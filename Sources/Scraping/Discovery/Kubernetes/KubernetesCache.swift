/// The objects that the watchers know, and the groups made of them. A change makes anew only the groups that it
/// touches.
actor KubernetesCache {
    private struct Change: Hashable {
        var resource: KubernetesResource
        var key: String
    }

    private let configuration: KubernetesConfiguration
    private let wake: @Sendable () -> Void
    private var objects: [KubernetesResource: [String: KubernetesObject]] = [:]
    private var groups: [String: [TargetGroup]] = [:]
    private var changes: Set<Change> = []
    /// Watchers that have not listed yet: before that, a target could lack labels that its relabelling looks for.
    private var unlisted: Int
    private var isPublished = false

    /// - Parameter wake: called after something changed.
    init(_ configuration: KubernetesConfiguration, watchers: Int, wake: @escaping @Sendable () -> Void) {
        self.configuration = configuration
        self.wake = wake
        unlisted = watchers
    }

    /// - Parameter isFirst: whether the watcher tells of its list for the first time.
    func apply(
        _ change: KubernetesWatcher.Change, _ resource: KubernetesResource, namespace: String?, isFirst: Bool = false
    ) {
        switch change {
        case .all(let all):
            let found = Dictionary(all.map { ($0.metadata.key, $0) }, uniquingKeysWith: { $1 })
            for (key, known) in objects[resource] ?? [:] where found[key] == nil {
                if namespace == nil || known.metadata.namespace == namespace { set(resource, key, nil) }
            }
            for (key, object) in found { set(resource, key, object) }
            if isFirst { unlisted -= 1 }
        case .set(let object): set(resource, object.metadata.key, object)
        case .removed(let object): set(resource, object.metadata.key, nil)
        }
        if unlisted <= 0, !changes.isEmpty || !isPublished { wake() }
    }

    private func set(_ resource: KubernetesResource, _ key: String, _ object: KubernetesObject?) {
        guard objects[resource]?[key] != object else { return }
        objects[resource, default: [:]][key] = object
        changes.insert(Change(resource: resource, key: key))
    }

    /// All groups, in the order of their objects; nil before every watcher has listed, or when nothing changed.
    func takeGroups() -> [TargetGroup]? {
        guard unlisted <= 0, !changes.isEmpty || !isPublished else { return nil }
        let main = configuration.role.resource
        let targets = KubernetesTargets(configuration: configuration, objects: objects)
        let isElsewhere = changes.contains { $0.resource != main }
        for change in changes where change.resource == main && objects[main]?[change.key] == nil {
            groups[change.key] = nil
        }
        for (key, object) in objects[main] ?? [:] {
            let isTouched =
                changes.contains(Change(resource: main, key: key)) || (isElsewhere && depends(object, targets))
            if isTouched { groups[key] = targets.groups(of: object) }
        }
        changes = []
        isPublished = true
        return groups.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    private func depends(_ object: KubernetesObject, _ targets: KubernetesTargets) -> Bool {
        targets.forEachDependency(of: object) { changes.contains(Change(resource: $0, key: $1)) }
    }
}
