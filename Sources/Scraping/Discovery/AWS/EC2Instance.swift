import Telemetry

/// An instance as `DescribeInstances` tells it. Every field may be missing.
struct EC2Instance: Sendable, Hashable {
    var element: AWSXML
    var owner: String?

    /// All instances of one page.
    static func read(_ page: AWSXML) -> [EC2Instance] {
        page.items("reservationSet").flatMap { reservation in
            reservation.items("instancesSet").map { EC2Instance(element: $0, owner: reservation.value("ownerId")) }
        }
    }

    var identifier: String? { element.value("instanceId") }
    var privateAddress: String? { element.value("privateIpAddress") }
    var publicAddress: String? { element.value("ipAddress") }
    var subnet: String? { element.value("subnetId") }
    var type: String? { element.value("instanceType") }
    var tags: [(key: String, value: String)] { Self.tags(element) }

    static func tags(_ element: AWSXML) -> [(key: String, value: String)] {
        element.items("tagSet").compactMap { tag in
            tag.value("key").map { (key: $0, value: tag["value"]?.text ?? "") }
        }
    }

    /// The target with all labels of Prometheus' `ec2` role; nil without an address to scrape.
    func target(region: String, port: Int, zoneIdentifiers: [String: String]) -> TargetGroup? {
        let addresses = IPv6Addresses(element)
        guard let host = privateAddress ?? addresses.preferred else { return nil }
        var labels = MetaLabels()
        func set(_ name: String, _ value: String?) { labels.set("__meta_ec2_\(name)", value) }
        set("region", region)
        set("instance_id", identifier)
        set("owner_id", owner)
        set("default_ipv6_address", addresses.preferred)
        set("private_ip", privateAddress)
        set("private_dns_name", element.value("privateDnsName"))
        set("platform", element.value("platform"))
        if let publicAddress {
            set("public_ip", publicAddress)
            set("public_dns_name", element.value("dnsName"))
        }
        set("primary_ipv6_addresses", addresses.primary.isEmpty ? nil : Self.list(addresses.primary))
        set("ipv6_addresses", addresses.all.isEmpty ? nil : Self.list(addresses.all))
        set("ami", element.value("imageId"))
        if let zone = element.value("placement", "availabilityZone") {
            set("availability_zone", zone)
            set("availability_zone_id", zoneIdentifiers[zone] ?? element.value("placement", "availabilityZoneId"))
        }
        set("instance_state", element.value("instanceState", "name"))
        set("instance_type", type)
        set("instance_lifecycle", element.value("instanceLifecycle"))
        set("architecture", element.value("architecture"))
        if let network = element.value("vpcId") {
            set("vpc_id", network)
            set("primary_subnet_id", subnet)
            var subnets: [String] = []
            for interface in element.items("networkInterfaceSet") {
                if let subnet = interface.value("subnetId"), !subnets.contains(subnet) { subnets.append(subnet) }
            }
            set("subnet_id", Self.list(subnets))
        }
        for (key, value) in tags { set("tag_\(MetaLabels.sanitize(key))", value) }
        return labels.group(
            address: MetaLabels.join(host, port), source: "\(region)/\(identifier ?? host)")
    }

    /// `,a,b,`: with separators at both ends, so that a pattern finds a whole entry.
    private static func list(_ values: [String]) -> String { ",\(values.joined(separator: ","))," }

    private struct IPv6Addresses {
        var all: [String] = []
        /// By the device index of their interface; empty where an index has none.
        var primary: [String] = []

        init(_ instance: AWSXML) {
            guard instance.value("vpcId") != nil else { return }
            for interface in instance.items("networkInterfaceSet") where interface.value("subnetId") != nil {
                for entry in interface.items("ipv6AddressesSet") {
                    guard let address = entry.value("ipv6Address") else { continue }
                    all.append(address)
                    // An instance has at most some dozens of devices; an odd index must not grow the list without end.
                    guard entry.value("isPrimaryIpv6") == "true",
                        let text = interface.value("attachment", "deviceIndex"), let index = Int(text),
                        (0..<256).contains(index)
                    else { continue }
                    while primary.count <= index { primary.append("") }
                    primary[index] = address
                }
            }
        }

        var preferred: String? { (primary + all).first { !$0.isEmpty } }
    }
}
