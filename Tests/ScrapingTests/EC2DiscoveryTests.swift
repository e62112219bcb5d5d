import Logging
import Telemetry
import TestSupport
import Testing

@testable import Scraping

@Suite struct EC2DiscoveryTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func instancesBecomeTargetsWithEveryLabel() async throws {
        let pages = [
            "": RecordedAWS.instances(RecordedAWS.instance, token: "page/2="),
            "page/2=": RecordedAWS.instances(
                """
                <item><instanceId>i-2</instanceId><privateIpAddress>10.0.0.2</privateIpAddress></item>
                <item><instanceId>stopped</instanceId></item><item/>
                <item><instanceId>i-6</instanceId><vpcId>vpc-1</vpcId><networkInterfaceSet><item>
                <subnetId>s</subnetId><attachment><deviceIndex>99999999</deviceIndex></attachment><ipv6AddressesSet>
                <item><ipv6Address>2001:db8::6</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item>
                </ipv6AddressesSet></item></networkInterfaceSet></item>
                """),
        ]
        let aws = RecordedAWS { request, form in
            switch form["Action"] {
            case "DescribeAvailabilityZones": RecordedAWS.ok(RecordedAWS.zones)
            case "DescribeInstances": pages[form["NextToken"] ?? ""].map(RecordedAWS.ok)
            default: nil
            }
        }
        var configuration = RecordedAWS.configuration
        configuration.port = 9100
        let discovery = EC2Discovery(
            configuration: configuration, filters: [EC2Filter(name: "tag:Name", values: ["web 1", "b"])])
        let session = aws.session(configuration)
        let groups = try await discovery.targetGroups(session, Self.logger)
        #expect(
            groups.lines(without: "__meta_ec2_") == [
                [
                    "10.0.1.4:9100 ami=ami-03cf", "architecture=x86_64", "availability_zone=eu-central-1a",
                    "availability_zone_id=euc1-az2", "default_ipv6_address=2001:db8::1", "instance_id=i-0dbb",
                    "instance_lifecycle=spot", "instance_state=running", "instance_type=t3.small",
                    "ipv6_addresses=,2001:db8::1,2001:db8::2,", "owner_id=123456789012", "platform=windows",
                    "primary_ipv6_addresses=,,2001:db8::1,", "primary_subnet_id=subnet-1",
                    "private_dns_name=ip-10-0-1-4.internal", "private_ip=10.0.1.4",
                    "public_dns_name=ec2-54-1-2-3.amazonaws.com", "public_ip=54.1.2.3", "region=eu-central-1",
                    "subnet_id=,subnet-1,subnet-2,", "tag_Name=web 1", "tag_team_n_me=shop & <co>", "vpc_id=vpc-1",
                ].joined(separator: " | "),
                "10.0.0.2:9100 instance_id=i-2 | owner_id=123456789012 | private_ip=10.0.0.2 | region=eu-central-1",
                [
                    "[2001:db8::6]:9100 default_ipv6_address=2001:db8::6", "instance_id=i-6",
                    "ipv6_addresses=,2001:db8::6,", "owner_id=123456789012", "region=eu-central-1", "subnet_id=,s,",
                    "vpc_id=vpc-1",
                ].joined(separator: " | "),
            ])
        let first = try #require(aws.requests.first { RecordedAWS.form($0)["Action"] == "DescribeInstances" })
        #expect(first.url == "https://ec2.eu-central-1.amazonaws.com/")
        #expect(RecordedAWS.form(first)["Filter.1.Name"] == "tag:Name")
        #expect(RecordedAWS.form(first)["Filter.1.Value.2"] == "b")
        #expect(first.header("Authorization")?.contains("/eu-central-1/ec2/aws4_request") == true)
        // Zones are asked for once in a session's life.
        _ = try await discovery.targetGroups(session, Self.logger)
        #expect(aws.actions.filter { $0 == "DescribeAvailabilityZones" }.count == 1)
        #expect(Set(groups.map(\.source)).count == groups.count)
    }

    @Test func refusalsAreSentencesAndZonesAreOptional() async throws {
        let refusal = """
            <?xml version="1.0"?><Response><Errors><Error><Code>UnauthorizedOperation</Code>
            <Message>You are not authorized.</Message></Error></Errors></Response>
            """
        let zonesRefused = RecordedAWS { _, form in
            form["Action"] == "DescribeInstances"
                ? RecordedAWS.ok(RecordedAWS.instances(RecordedAWS.instance))
                : AWSResponse(status: 403, body: Array(refusal.utf8))
        }
        let discovery = EC2Discovery(configuration: RecordedAWS.configuration, filters: [])
        let groups = try await discovery.targetGroups(
            zonesRefused.session(RecordedAWS.configuration), Self.logger)
        #expect(groups.count == 1 && groups[0].labels["__meta_ec2_availability_zone_id"] == nil)
        let cases: [(body: String, status: Int, sentence: String)] = [
            (
                refusal, 403,
                "AWS refused DescribeInstances with 403 UnauthorizedOperation: You are not authorized."
            ),
            (
                "<a", 200,
                "the answer of AWS to DescribeInstances cannot be read: the tag of \"a\" is not closed at byte 2"
            ),
            ("no xml", 404, "AWS refused DescribeInstances with 404 : no xml"),
        ]
        for (body, status, sentence) in cases {
            let aws = RecordedAWS { _, form in
                form["Action"] == "DescribeInstances"
                    ? AWSResponse(status: status, body: Array(body.utf8)) : RecordedAWS.ok(RecordedAWS.zones)
            }
            let error = await #expect(throws: AWSFailure.self) {
                try await discovery.targetGroups(aws.session(RecordedAWS.configuration), Self.logger)
            }
            #expect(error.map { "\($0)" } == sentence)
        }
        // Expired keys are asked for anew, once more.
        let expired = RecordedAWS { request, form in
            switch form["Action"] {
            case "DescribeAvailabilityZones": return RecordedAWS.ok(RecordedAWS.zones)
            case "AssumeRole":
                return RecordedAWS.ok(
                    """
                    <AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>
                    <SecretAccessKey>s</SecretAccessKey></Credentials></AssumeRoleResult></AssumeRoleResponse>
                    """)
            default:
                let body = "<Response><Errors><Error><Code>ExpiredToken</Code></Error></Errors></Response>"
                return AWSResponse(status: 400, body: Array(body.utf8))
            }
        }
        var configuration = RecordedAWS.configuration
        configuration.roleARN = "arn:r"
        await #expect(throws: AWSFailure.self) {
            try await discovery.targetGroups(expired.session(configuration), Self.logger)
        }
        #expect(expired.actions.filter { $0 == "AssumeRole" }.count == 3)
    }

    /// Whatever a broken proxy makes of an answer: a sentence or fewer targets, never a trap.
    @Test func mangledAnswersNeverTrap() async throws {
        var random = SeededGenerator(seed: 20_261_121)
        let whole = Array(RecordedAWS.instances(RecordedAWS.instance).utf8)
        let discovery = EC2Discovery(configuration: RecordedAWS.configuration, filters: [])
        var readable = 0
        for _ in 0..<400 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
                default: bytes.insert(contentsOf: Array("</item><item>".utf8), at: at)
                }
            }
            let mangled = bytes
            let aws = RecordedAWS { _, form in
                form["Action"] == "DescribeInstances"
                    ? AWSResponse(status: 200, body: mangled) : RecordedAWS.ok(RecordedAWS.zones)
            }
            let found = try? await discovery.targetGroups(aws.session(RecordedAWS.configuration), Self.logger)
            if found != nil { readable += 1 }
        }
        #expect((1..<400).contains(readable))
    }
}
