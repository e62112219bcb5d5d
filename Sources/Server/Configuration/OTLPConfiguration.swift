import Wire
import YAMLReading

extension OTLPTranslation {
    /// The section `otlp` of a prometheus.yml.
    static func read(_ node: YAMLNode?) throws(YAMLError) -> OTLPTranslation {
        var out = OTLPTranslation()
        guard let node else { return out }
        let keys = try node.mapping([
            "promote_all_resource_attributes", "promote_resource_attributes", "ignore_resource_attributes",
            "translation_strategy", "keep_identifying_resource_attributes", "convert_histograms_to_nhcb",
            "promote_scope_metadata", "label_name_underscore_sanitization",
            "label_name_preserve_multiple_underscores", "logs",
        ])
        func flag(_ name: String, _ value: inout Bool) throws(YAMLError) {
            if let node = keys[name] { value = try node.bool() }
        }
        try flag("promote_all_resource_attributes", &out.promotesAllResourceAttributes)
        try flag("keep_identifying_resource_attributes", &out.keepsIdentifyingResourceAttributes)
        try flag("convert_histograms_to_nhcb", &out.convertsHistogramsToNHCB)
        try flag("promote_scope_metadata", &out.promotesScopeMetadata)
        try flag("label_name_underscore_sanitization", &out.sanitisesLeadingUnderscores)
        try flag("label_name_preserve_multiple_underscores", &out.keepsMultipleUnderscores)
        out.promotedResourceAttributes = try attributes(keys["promote_resource_attributes"])
        out.ignoredResourceAttributes = try attributes(keys["ignore_resource_attributes"])
        if let node = keys["promote_resource_attributes"], out.promotesAllResourceAttributes,
            !out.promotedResourceAttributes.isEmpty
        {
            throw node.error(
                "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously"
            )
        }
        if let node = keys["ignore_resource_attributes"], !out.promotesAllResourceAttributes,
            !out.ignoredResourceAttributes.isEmpty
        {
            throw node.error(
                "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true")
        }
        if let node = keys["translation_strategy"] {
            let name = try node.string()
            guard let strategy = Strategy(rawValue: name) else {
                throw node.error(
                    "unsupported OTLP translation strategy \"\(name)\"; there are "
                        + Strategy.allCases.map(\.rawValue).joined(separator: ", "))
            }
            out.strategy = strategy
        }
        return out
    }

    private static func attributes(_ node: YAMLNode?) throws(YAMLError) -> [String] {
        guard let node else { return [] }
        var names: [String] = []
        for entry in try node.list() {
            let name = try entry.string()
            if name.isEmpty { throw entry.error("an attribute's name is empty") }
            if names.contains(name) { throw entry.error("the attribute \"\(name)\" stands twice") }
            names.append(name)
        }
        return names
    }
}
