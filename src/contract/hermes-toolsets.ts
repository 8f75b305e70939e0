/** The toolsets of Hermes. Payloads for its `delegate_task` name them; none of them exists here. */
const NAMES: ReadonlySet<string> = new Set(
  `browser clarify code_execution coding computer_use context_engine cronjob debugging delegation desktop_ui discord
  discord_admin feishu_doc feishu_drive file homeassistant honcho image_gen kanban memory messaging moa project rl safe search
  session_search skills spotify terminal todo tts video video_gen vision web x_search yuanbao`.split(/\s+/),
);

/** Returns whether a name is a toolset of Hermes: one of its own, a bundle of a platform, or a server of MCP. */
export function isHermesToolset(name: string): boolean {
  return NAMES.has(name) || /^(hermes|mcp)-/.test(name);
}
