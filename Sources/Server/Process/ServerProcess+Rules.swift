import Alerting
import LogQL
import Logging
import Telemetry

extension ServerProcess {
    /// Of all rule files, and of those that came over HTTP.
    func ruleGroups(_ configuration: ServerConfiguration) throws -> [RuleGroup] {
        let language = RuleLanguage(reader: series, options: options, budget: budget, queries: queries)
        let logs = LogRuleLanguage(
            engine: LogQLEngine(reader: events), options: options, budget: budget, queries: queries)
        let folder = configuration.folder
        return try RuleFiles.load(configuration.ruleFiles, folder: folder, language: language)
            + RuleFiles.load(configuration.logRuleFiles, folder: folder, language: logs, dialect: .logql)
            + storedGroups(logs)
    }

    /// They were right when they came; one that an older program took must not keep this one from starting.
    private func storedGroups(_ language: any RuleQuerying) throws -> [RuleGroup] {
        try StoredRuleGroup.all(in: folder.catalog).compactMap { stored in
            do { return try stored.group(language: language) } catch {
                logger.warning(
                    "a rule group is passed over", metadata: ["group": "\(stored.namespace)/\(stored.name)", "error": "\(error)"])
                return nil
            }
        }
    }

    func ruleSettings(_ configuration: ServerConfiguration) -> RuleManager.Settings {
        var settings = RuleManager.Settings()
        settings.defaultInterval = configuration.evaluationInterval
        settings.resendDelay = min(60_000, max(1000, configuration.evaluationInterval * 4))
        settings.surroundings = TemplateSurroundings(
            externalLabels: configuration.externalLabels, externalURL: externalURL)
        return settings
    }

    /// After groups were changed over HTTP.
    func reloadRules() throws {
        let configuration = configuration
        rules.reload(try ruleGroups(configuration), settings: ruleSettings(configuration))
    }
}
