@main struct MetricsBenchmark { static func main() {} }
