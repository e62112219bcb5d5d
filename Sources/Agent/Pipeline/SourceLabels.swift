import Endpoints
import Patterns
import Telemetry

/// The labels of a source's streams.
package enum SourceLabels {
    /// What every source begins with.
    package static func common(_ configuration: AgentConfiguration, hostName: String) -> [Label] {
        var out: [Label] = []
        if let name = configuration.hostLabel, !hostName.isEmpty { out.append(Label(name, hostName)) }
        return out + configuration.labels
    }

    /// The labels of a file's streams, one set for each output; nil where relabelling drops the file. Later labels
    /// replace earlier ones of the same name.
    package static func of(
        path: String, source: AgentConfiguration.Files, common: [Label], container: DockerContainer?
    ) -> [LabelSet]? {
        var labels = common
        labels.append(Label("filename", path))
        if let container { labels += container.streamLabels }
        if let pattern = source.pathLabels, let match = pattern.firstMatch(in: Array(path.utf8)) {
            for (index, name) in pattern.captureNames.enumerated() {
                guard let name, LabelNames.isValid(name), let range = match[index] else { continue }
                labels.append(Label(name, String(decoding: Array(path.utf8)[range], as: UTF8.self)))
            }
        }
        labels += source.treatment.labels
        labels += [Label("__path__", path)] + (container?.metaLabels ?? [])
        let isContainer = source.format == .docker || source.format == .cri
        let outputs: [ContainerOutput?] = isContainer ? ContainerOutput.allCases : [nil]
        var out: [LabelSet] = []
        for output in outputs {
            var all = labels
            if let output { all.append(Label("stream", output.name)) }
            guard let finished = finished(unique(all), source.treatment.relabelling) else { return nil }
            out.append(finished)
        }
        return out
    }

    package static func unique(_ labels: [Label]) -> LabelSet {
        var byName: [String: String] = [:]
        for label in labels { byName[label.name] = label.value }
        return LabelSet(byName.map { Label($0.key, $0.value) })
    }

    /// After relabelling, without the labels that begin with two underscores and without empty ones.
    static func finished(_ labels: LabelSet, _ rules: [RelabelRule]) -> LabelSet? {
        guard let relabelled = rules.apply(labels) else { return nil }
        let kept = LabelSet(relabelled.labels.filter { !$0.name.hasPrefix("__") && !$0.value.isEmpty })
        // Loki refuses a stream without labels.
        return kept.isEmpty ? LabelSet([Label("service_name", "unknown_service")]) : kept
    }
}
