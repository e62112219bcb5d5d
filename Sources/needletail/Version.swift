import Server

let versionText = NeedletailVersion.current
