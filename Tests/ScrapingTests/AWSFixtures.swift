import Foundation
import Synchronization
import Telemetry

@testable import Scraping

/// AWS as it was recorded: answers by action (or by path, for what is no call of a service), and what was asked.
final class RecordedAWS: Sendable {
    typealias Answer = @Sendable (_ request: AWSRequest, _ form: [String: String]) -> AWSResponse?

    private let answer: Answer
    private let asked = Mutex<[AWSRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    var requests: [AWSRequest] { asked.withLock { $0 } }

    /// Names of what was asked, in order: the action, or the method and the path.
    var actions: [String] { requests.map(Self.action) }

    static func action(_ request: AWSRequest) -> String {
        if let target = request.header("X-Amz-Target") { return String(target.split(separator: ".").last ?? "") }
        return form(request)["Action"] ?? "\(request.method) \(WebAddress(request.url)?.path ?? "")"
    }

    static func form(_ request: AWSRequest) -> [String: String] {
        var out: [String: String] = [:]
        for pair in String(decoding: request.body, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
            if parts.count == 2 { out[parts[0]] = parts[1] }
        }
        return out
    }

    var transport: AWSTransport {
        { request in
            self.asked.withLock { $0.append(request) }
            return self.answer(request, Self.form(request))
                ?? AWSResponse(status: 404, body: Array("nothing here".utf8))
        }
    }

    static func ok(_ text: String) -> AWSResponse { AWSResponse(status: 200, body: Array(text.utf8)) }

    /// A session with these keys and nothing else around it.
    func session(
        _ configuration: AWSConfiguration, variables: [String: String] = [:], files: [String: String] = [:],
        now: Int64 = 1_440_938_160
    ) -> AWSSession {
        AWSSession(
            configuration, environment: environment(variables, files, now), transport: transport,
            metadataTransport: transport)
    }

    func environment(_ variables: [String: String], _ files: [String: String], _ now: Int64) -> AWSEnvironment {
        AWSEnvironment(variables: variables, readFile: { files[$0] }, now: { now })
    }

    static let configuration: AWSConfiguration = {
        var configuration = AWSConfiguration()
        configuration.region = "eu-central-1"
        configuration.accessKey = "AKIDEXAMPLE"
        configuration.secretKey = "secret"
        return configuration
    }()

    static let zones = """
        <?xml version="1.0"?><DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">
        <availabilityZoneInfo><item><zoneName>eu-central-1a</zoneName><zoneId>euc1-az2</zoneId></item>
        <item><zoneName>odd</zoneName></item></availabilityZoneInfo></DescribeAvailabilityZonesResponse>
        """

    static func instances(_ items: String, token: String = "") -> String {
        """
        <?xml version="1.0" encoding="utf-8"?>
        <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><reservationSet><item>
        <ownerId>123456789012</ownerId><instancesSet>\(items)</instancesSet></item></reservationSet>
        <nextToken>\(token)</nextToken></DescribeInstancesResponse>
        """
    }

    static let instance = """
        <item><architecture>x86_64</architecture><instanceId>i-0dbb</instanceId><imageId>ami-03cf</imageId>
        <instanceState><code>16</code><name>running</name></instanceState><instanceLifecycle>spot</instanceLifecycle>
        <privateDnsName>ip-10-0-1-4.internal</privateDnsName><dnsName>ec2-54-1-2-3.amazonaws.com</dnsName>
        <instanceType>t3.small</instanceType><placement><availabilityZone>eu-central-1a</availabilityZone></placement>
        <platform>windows</platform><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
        <privateIpAddress>10.0.1.4</privateIpAddress><ipAddress>54.1.2.3</ipAddress>
        <networkInterfaceSet>
        <item><subnetId>subnet-1</subnetId><attachment><deviceIndex>1</deviceIndex></attachment><ipv6AddressesSet>
        <item><ipv6Address>2001:db8::1</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item>
        <item><ipv6Address>2001:db8::2</ipv6Address></item></ipv6AddressesSet></item>
        <item><subnetId>subnet-2</subnetId><ipv6AddressesSet/></item><item><subnetId>subnet-1</subnetId></item>
        </networkInterfaceSet>
        <tagSet><item><key>Name</key><value>web 1</value></item>
        <item><key>team:näme</key><value>shop &amp; <![CDATA[<co>]]></value></item></tagSet></item>
        """
}

extension [TargetGroup] {
    /// `address {labels without their common beginning}` for each target, to compare and to read.
    func lines(without prefix: String) -> [String] {
        flatMap { group in
            group.targets.map { address in
                let labels = group.labels.labels.map { label in
                    let name = label.name.hasPrefix(prefix) ? String(label.name.dropFirst(prefix.count)) : label.name
                    return "\(name)=\(label.value)"
                }
                return "\(address) \(labels.joined(separator: " | "))"
            }
        }
    }
}
