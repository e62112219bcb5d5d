import YAMLReading

/// The kinds of service discovery by their key in a scrape configuration.
enum DiscoveryKinds {
    typealias Reader = @Sendable (YAMLNode) throws(YAMLError) -> any TargetDiscovery

    static let readers: [(key: String, read: Reader)] = [
        ("file_sd_configs", { (node) throws(YAMLError) in try FileDiscovery.read(node) }),
        ("http_sd_configs", { (node) throws(YAMLError) in try HTTPDiscovery.read(node) }),
        ("dns_sd_configs", { (node) throws(YAMLError) in try DNSDiscovery.read(node) }),
        ("docker_sd_configs", { (node) throws(YAMLError) in try DockerDiscovery.read(node) }),
        ("ec2_sd_configs", { (node) throws(YAMLError) in try EC2Discovery.read(node) }),
        ("aws_sd_configs", { (node) throws(YAMLError) in try AWSDiscovery.read(node) }),
        ("kubernetes_sd_configs", { (node) throws(YAMLError) in try KubernetesDiscovery.read(node) }),
    ]

    /// Kinds of Prometheus that a small shop does not need: they are read, named in a warning, and find nothing.
    static let unsupported = [
        "azure_sd_configs", "consul_sd_configs", "digitalocean_sd_configs", "dockerswarm_sd_configs",
        "eureka_sd_configs", "gce_sd_configs", "hetzner_sd_configs", "ionos_sd_configs", "kuma_sd_configs",
        "lightsail_sd_configs", "linode_sd_configs", "marathon_sd_configs", "nerve_sd_configs", "nomad_sd_configs",
        "openstack_sd_configs", "ovhcloud_sd_configs", "puppetdb_sd_configs", "scaleway_sd_configs",
        "serverset_sd_configs", "stackit_sd_configs", "triton_sd_configs", "uyuni_sd_configs", "vultr_sd_configs",
    ]

    static var keys: [String] { readers.map(\.key) + unsupported }

    /// All entries of all lists, in the order of `readers`, each with its text: an entry whose text stays the same over
    /// a reload goes on undisturbed.
    static func read(_ keys: [String: YAMLNode]) throws(YAMLError) -> (
        discoveries: [any TargetDiscovery], sources: [String]
    ) {
        var discoveries: [any TargetDiscovery] = []
        var sources: [String] = []
        for (key, read) in readers {
            for entry in try keys[key]?.list() ?? [] {
                discoveries.append(try read(entry))
                sources.append("\(key): \(entry.text)")
            }
        }
        return (discoveries, sources)
    }
}
