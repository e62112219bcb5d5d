import Telemetry
import Wire

/// What Docker wrote about a container in the `config.v2.json` beside its log.
package struct DockerContainer: Sendable, Hashable {
    package var id = ""
    /// Without the slash that Docker puts first.
    package var name = ""
    package var image = ""
    package var labels: [Label] = []
    package var logPath = ""

    /// nil where the text is not such a file.
    package static func read(_ bytes: [UInt8]) -> DockerContainer? {
        var reader = JSONReader(bytes)
        var container = DockerContainer()
        var key: [UInt8] = []
        do {
            try reader.beginObject()
            while try reader.nextKey(&key) {
                switch String(decoding: key, as: UTF8.self) {
                case "ID": container.id = try text(&reader)
                case "Name":
                    let name = try text(&reader)
                    container.name = name.hasPrefix("/") ? String(name.dropFirst()) : name
                case "LogPath": container.logPath = try text(&reader)
                case "Config": try config(&reader, &container)
                default: try reader.skipValue()
                }
            }
        } catch {
            return nil
        }
        return container.id.isEmpty ? nil : container
    }

    private static func config(_ reader: inout JSONReader, _ container: inout DockerContainer) throws(WireError) {
        guard try reader.peek() == .object else { return try reader.skipValue() }
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            switch String(decoding: key, as: UTF8.self) {
            case "Image": container.image = try text(&reader)
            case "Labels" where try reader.peek() == .object:
                try reader.beginObject()
                while try reader.nextKey(&key) {
                    let name = String(decoding: key, as: UTF8.self)
                    container.labels.append(Label(name, try text(&reader)))
                }
            default: try reader.skipValue()
            }
        }
    }

    private static func text(_ reader: inout JSONReader) throws(WireError) -> String {
        if try reader.peek() == .string { return try reader.readString() }
        try reader.skipValue()
        return ""
    }

    /// The labels that relabelling sees: as Prometheus' and promtail's discovery of containers names them.
    package var metaLabels: [Label] {
        [
            Label("__meta_docker_container_id", id), Label("__meta_docker_container_name", "/" + name),
            Label("__meta_docker_container_image", image),
        ]
            + labels.map { Label("__meta_docker_container_label_" + LabelNames.sanitized($0.name), $0.value) }
    }

    /// The labels of its streams, before relabelling.
    package var streamLabels: [Label] {
        var out = [Label("container", name.isEmpty ? String(id.prefix(12)) : name)]
        for (wanted, label) in [
            ("com.docker.compose.project", "compose_project"), ("com.docker.compose.service", "compose_service"),
            ("com.docker.swarm.service.name", "swarm_service"),
        ] {
            if let found = labels.first(where: { $0.name == wanted }), !found.value.isEmpty {
                out.append(Label(label, found.value))
            }
        }
        return out
    }
}

package enum LabelNames {
    /// Every character that a label's name cannot have as an underscore.
    package static func sanitized(_ name: String) -> String {
        var bytes: [UInt8] = []
        for (index, byte) in name.utf8.enumerated() {
            let isLetter = (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || byte == 0x5f
            let isDigit = byte >= 0x30 && byte <= 0x39
            if isDigit, index == 0 { bytes.append(0x5f) }
            bytes.append(isLetter || isDigit ? byte : 0x5f)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func isValid(_ name: String) -> Bool { !name.isEmpty && sanitized(name) == name }
}
