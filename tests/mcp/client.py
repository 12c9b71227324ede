"""The public SDK as a client of `mcp`: MODE PROGRAM ARGUMENT...; prints one JSON object.

It checks each structured answer against the schema that the tool declares."""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters


async def main(mode, program, *args):
    server = StdioServerParameters(command=program, args=list(args), env=dict(os.environ))
    async with Client(server, mode=mode) as client:
        said = {"version": client.protocol_version, "server": client.server_info.name}
        tools = (await client.list_tools()).tools
        said["tools"] = {tool.name: tool.annotations.model_dump(by_alias=True) for tool in tools}
        calls = [
            ("status", {"cached": True}),
            ("add_task", {"project": "app", "text": f"by the SDK, {mode}", "id": f"sdk-{mode}", "priority": "high"}),
            ("list_tasks", {"project": "app"}),
            ("explain", {"task": f"app:sdk-{mode}"}),
            ("retry_task", {"task": f"sdk-{mode}"}),
            ("add_task", {"project": "app", "text": "again", "id": f"sdk-{mode}"}),
            ("explain", {"task": "nowhere:nothing"}),
        ]
        said["calls"] = []
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            said["calls"].append(
                {"error": bool(result.is_error), "text": result.content[0].text, "value": result.structured_content}
            )
        resources = (await client.list_resources()).resources
        said["resources"] = {}
        for resource in resources:
            contents = (await client.read_resource(str(resource.uri))).contents
            said["resources"][str(resource.uri)] = json.loads(contents[0].text)
        said["templates"] = len((await client.list_resource_templates()).resource_templates)
        try:
            await client.call_tool("no_such_tool", {})
        except Exception as e:
            said["unknown"] = str(e)
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:]))
