import Logging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Scraping

@Suite struct ECSDiscoveryTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private static let cluster = "arn:aws:ecs:eu-central-1:1:cluster/shop"

    /// Answers by action; `{next}` in a request asks for the second page.
    private static let answers: [String: String] = [
        "ListClusters": #"{"clusterArns":["\#(cluster)"]}"#,
        "DescribeClusters": """
        {"clusters":[{"clusterArn":"\(cluster)","clusterName":"shop","tags":[{"key":"env","value":"prod"},{"value":"x"}]},
        {"clusterName":"no arn"}]}
        """,
        "ListServices": #"{"serviceArns":["arn:service/web"],"nextToken":null}"#,
        "DescribeServices": """
        {"services":[{"serviceName":"web","serviceArn":"arn:service/web","status":"ACTIVE",
        "tags":[{"key":"team/x","value":"front"}]}]}
        """,
        "ListTasks": #"{"taskArns":["arn:task/1","arn:task/2"],"nextToken":"more"}"#,
        "ListTasks more": #"{"taskArns":["arn:task/3"]}"#,
        "DescribeTasks": """
        {"tasks":[
        {"taskArn":"arn:task/1","group":"service:web","launchType":"FARGATE","lastStatus":"RUNNING",
        "desiredStatus":"RUNNING","healthStatus":"HEALTHY","availabilityZone":"eu-central-1a","platformFamily":"Linux",
        "platformVersion":"1.4.0","taskDefinitionArn":"arn:def/web:1","tags":[{"key":"v","value":"2"}],
        "attachments":[{"type":"Other"},{"type":"ElasticNetworkInterface","details":[{"name":"subnetId","value":"subnet-9"},
        {"name":"networkInterfaceId","value":"eni-1"},{"name":"privateIPv4Address","value":"10.1.0.9"},{}]}]},
        {"taskArn":"arn:task/2","group":"family:batch","launchType":"EC2","containerInstanceArn":"arn:ci/1"},
        {"taskArn":"arn:task/3","group":"service:gone","containerInstanceArn":"arn:ci/unknown"},
        {"taskArn":7,"attachments":"odd","group":["x"]}, null, "text"]}
        """,
        "DescribeContainerInstances":
            #"{"containerInstances":[{"containerInstanceArn":"arn:ci/1","ec2InstanceId":"i-0dbb"},{}]}"#,
        "DescribeInstances": RecordedAWS.instances(RecordedAWS.instance),
        "DescribeNetworkInterfaces": """
        <DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>
        <association><publicIp>18.1.1.1</publicIp></association></item><item/></networkInterfaceSet>
        </DescribeNetworkInterfacesResponse>
        """,
    ]

    private static func recorded(_ change: [String: String?] = [:]) -> RecordedAWS {
        RecordedAWS { request, _ in
            let action = RecordedAWS.action(request)
            let isNext = String(decoding: request.body, as: UTF8.self).contains(#""nextToken":"more""#)
            let name = isNext ? "\(action) more" : action
            if let changed = change[name] {
                return changed.map(RecordedAWS.ok)
                    ?? AWSResponse(
                        status: 400,
                        body: Array(#"{"__type":"com.amazonaws.ecs#AccessDeniedException","message":"no"}"#.utf8))
            }
            return answers[name].map(RecordedAWS.ok)
        }
    }

    private static func discovery(_ clusters: [String] = []) -> ECSDiscovery {
        var configuration = RecordedAWS.configuration
        configuration.service = "ecs"
        configuration.endpoint = "http://ecs.local:1"
        return ECSDiscovery(configuration: configuration, clusters: clusters, requestConcurrency: 20)
    }

    @Test func tasksBecomeTargetsWithEveryLabel() async throws {
        let aws = Self.recorded()
        let discovery = Self.discovery()
        let groups = try await discovery.targetGroups(aws.session(discovery.configuration), Self.logger)
        #expect(
            groups.lines(without: "__meta_ecs_") == [
                [
                    "10.1.0.9:80 availability_zone=eu-central-1a", "cluster=shop", "cluster_arn=\(Self.cluster)",
                    "desired_status=RUNNING", "health_status=HEALTHY", "ip_address=10.1.0.9", "last_status=RUNNING",
                    "launch_type=FARGATE", "network_mode=awsvpc", "platform_family=Linux", "platform_version=1.4.0",
                    "public_ip=18.1.1.1", "region=eu-central-1", "service=web", "service_arn=arn:service/web",
                    "service_status=ACTIVE", "subnet_id=subnet-9", "tag_cluster_env=prod", "tag_service_team_x=front",
                    "tag_task_v=2", "task_arn=arn:task/1", "task_definition=arn:def/web:1", "task_group=service:web",
                ].joined(separator: " | "),
                [
                    "10.0.1.4:80 cluster=shop", "cluster_arn=\(Self.cluster)", "container_instance_arn=arn:ci/1",
                    "ec2_instance_id=i-0dbb", "ec2_instance_private_ip=10.0.1.4", "ec2_instance_public_ip=54.1.2.3",
                    "ec2_instance_type=t3.small", "ip_address=10.0.1.4", "launch_type=EC2", "network_mode=bridge",
                    "public_ip=54.1.2.3", "region=eu-central-1", "subnet_id=subnet-1", "tag_cluster_env=prod",
                    "tag_ec2_Name=web 1", "tag_ec2_team_n_me=shop & <co>", "task_arn=arn:task/2",
                    "task_group=family:batch",
                ].joined(separator: " | "),
            ])
        // `endpoint` stands for the role's own service alone.
        for request in aws.requests {
            let isECS = request.header("X-Amz-Target") != nil
            #expect(request.url == (isECS ? "http://ecs.local:1" : "https://ec2.eu-central-1.amazonaws.com/"))
        }
        let given = Self.recorded()
        _ = try await Self.discovery(["shop"]).targetGroups(given.session(discovery.configuration), Self.logger)
        #expect(!given.actions.contains("ListClusters"))
    }

    @Test func aFailedClusterIsAFailureAndNothingThereIsNone() async throws {
        for action in ["ListClusters", "DescribeClusters", "ListTasks", "DescribeTasks", "DescribeServices"] {
            let aws = Self.recorded([action: String?.none])
            let discovery = Self.discovery()
            let error = await #expect(throws: AWSFailure.self, "\(action)") {
                try await discovery.targetGroups(aws.session(discovery.configuration), Self.logger)
            }
            #expect(error?.code == "AccessDeniedException")
        }
        for change in [
            ["ListClusters": #"{"clusterArns":[]}"#], ["ListClusters": "{}"], ["DescribeClusters": #"{"clusters":3}"#],
            ["ListTasks": "[]"],
            ["DescribeTasks": #"{"tasks":[{"attachments":[{"type":"ElasticNetworkInterface"}]}]}"#],
        ] as [[String: String?]] {
            let aws = Self.recorded(change)
            let discovery = Self.discovery()
            let found = try await discovery.targetGroups(aws.session(discovery.configuration), Self.logger)
            #expect(found.isEmpty, "\(change)")
        }
    }

    @Test func mangledAnswersNeverTrap() async throws {
        var random = SeededGenerator(seed: 7)
        let names = Self.answers.keys.sorted()
        for _ in 0..<300 {
            let name = names[Int.random(in: 0..<names.count, using: &random)]
            var text = Array((Self.answers[name] ?? "").utf8)
            for _ in 0..<3 {
                let at = Int.random(in: 0..<text.count, using: &random)
                let pieces = ["{}", "[]", "null", "1e999", "\"", ",", "-0", "{\"a\":[", "\u{0}"]
                text.replaceSubrange(
                    at..<min(text.count, at + Int.random(in: 0...12, using: &random)),
                    with: Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8))
            }
            let mangled = String(decoding: text, as: UTF8.self)
            let aws = Self.recorded([name: mangled])
            let discovery = Self.discovery()
            _ = try? await discovery.targetGroups(aws.session(discovery.configuration), Self.logger)
            #expect(!aws.actions.isEmpty)
        }
    }
}
