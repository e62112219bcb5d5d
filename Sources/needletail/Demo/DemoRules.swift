enum DemoRules { static let text = "" }
