import Foundation
import Wire

/// The answers that do not depend on data: who we say we are.
enum ElasticsearchIdentity {
    private static let version = "8.17.0"

    static let acknowledged = Array(#"{"acknowledged":true}"#.utf8)
    static let shards = Array(#"{"_shards":{"total":1,"successful":1,"failed":0}}"#.utf8)
    static let license = Array(
        #"""
        {"license":{"status":"active","uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic",\#
        "issue_date":"2020-01-01T00:00:00.000Z","issue_date_in_millis":1577836800000,"max_nodes":1000,\#
        "issued_to":"needletail","issuer":"elasticsearch","start_date_in_millis":-1}}
        """#.utf8)
    static let xpack = Array(
        #"""
        {"build":{"hash":"unknown","date":"2024-12-11T00:00:00.000Z"},\#
        "license":{"uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic","status":"active"},\#
        "features":{"ilm":{"available":true,"enabled":true},"security":{"available":true,"enabled":false},\#
        "monitoring":{"available":true,"enabled":true},"data_streams":{"available":true,"enabled":true}},\#
        "tagline":"You know, for X"}
        """#.utf8)

    static func quoted(_ text: String) -> String {
        var json = JSONWriter()
        json.string(text)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// Shippers refuse a server that is older than they are, so a shipper that says its version is told the same.
    static func root(userAgent: String, state: ElasticsearchState) -> [UInt8] {
        let number = mirrored(userAgent) ?? version
        let major = number.prefix { $0 != "." }
        let (wire, index) =
            major == "7" ? ("6.8.0", "6.0.0-beta1") : major == "9" ? ("8.19.0", "8.0.0") : ("7.17.0", "7.0.0")
        return Array(
            #"""
            {"name":"needletail","cluster_name":"needletail","cluster_uuid":"\#(state.clusterID)",\#
            "version":{"number":"\#(number)","build_flavor":"default","build_type":"tar","build_hash":"unknown",\#
            "build_date":"2024-12-11T12:08:05.663969764Z","build_snapshot":false,"lucene_version":"9.12.0",\#
            "minimum_wire_compatibility_version":"\#(wire)","minimum_index_compatibility_version":"\#(index)"},\#
            "tagline":"You know, for Search"}
            """#.utf8)
    }

    /// `Elastic-filebeat/8.11.0 (…)`, `logstash/8.11.0`, `elasticsearch-py/8.15.1`.
    static func mirrored(_ userAgent: String) -> String? {
        for mark in [
            "Elastic-", "logstash/", "elasticsearch-py/", "elasticsearch-", "go-elasticsearch/", "elastic-transport",
        ] {
            guard let place = userAgent.firstRange(of: mark) else { continue }
            let rest = userAgent[place.lowerBound...].drop { $0 != "/" }.dropFirst()
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let parts = number.split(separator: ".", omittingEmptySubsequences: false).compactMap { Int($0) }
            if parts.count == 3, number.split(separator: ".").count == 3, (7...9).contains(parts[0]) {
                return String(number)
            }
        }
        return nil
    }

    static func cluster(_ part: String, state: ElasticsearchState) -> [UInt8] {
        switch part {
        case "health":
            Array(
                #"""
                {"cluster_name":"needletail","status":"green","timed_out":false,"number_of_nodes":1,\#
                "number_of_data_nodes":1,"active_primary_shards":1,"active_shards":1,"relocating_shards":0,\#
                "initializing_shards":0,"unassigned_shards":0,"delayed_unassigned_shards":0,\#
                "number_of_pending_tasks":0,"number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,\#
                "active_shards_percent_as_number":100.0}
                """#.utf8)
        case "settings": Array(#"{"persistent":{},"transient":{}}"#.utf8)
        default: Array(#"{"cluster_name":"needletail","cluster_uuid":"\#(state.clusterID)"}"#.utf8)
        }
    }

    static func nodes(address: String, state: ElasticsearchState) -> [UInt8] {
        let host = address.prefix { $0 != ":" }
        return Array(
            #"""
            {"_nodes":{"total":1,"successful":1,"failed":0},"cluster_name":"needletail",\#
            "nodes":{"\#(state.clusterID)":{"name":"needletail","transport_address":"\#(address)","host":"\#(host)",\#
            "ip":"127.0.0.1","version":"\#(version)","build_flavor":"default","build_type":"tar",\#
            "build_hash":"unknown","roles":["data","ingest","master"],\#
            "http":{"bound_address":["\#(address)"],"publish_address":"\#(address)",\#
            "max_content_length_in_bytes":104857600}}}}
            """#.utf8)
    }

    /// In the shape that the kind of setting has: a list in an object, or an object by name.
    static func settings(_ kind: String, _ found: [(name: String, body: [UInt8])]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        let list: (key: String, inner: String)? =
            switch kind {
            case "_index_template": ("index_templates", "index_template")
            case "_component_template": ("component_templates", "component_template")
            case "_data_stream": ("data_streams", "")
            default: nil
            }
        if let list {
            json.key(list.key)
            json.beginArray()
            for (name, body) in found {
                json.beginObject()
                json.field("name", name)
                if list.inner.isEmpty {
                    json.field("status", "GREEN")
                } else {
                    json.key(list.inner)
                    json.raw(object(body))
                }
                json.endObject()
            }
            json.endArray()
        } else {
            for (name, body) in found {
                json.key(name)
                json.raw(object(body))
            }
        }
        json.endObject()
        return json.bytes
    }

    /// What was put, where it was JSON.
    private static func object(_ body: [UInt8]) -> [UInt8] {
        var reader = JSONReader(body)
        do {
            try reader.skipValue()
            try reader.finish()
            return body
        } catch {
            return Array("{}".utf8)
        }
    }
}
