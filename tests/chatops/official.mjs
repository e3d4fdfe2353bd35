// A small app made with Slack's own JavaScript client: it answers a command, a click, and comes back after a disconnect.
import bolt from "@slack/bolt";

const [api, botToken, appToken] = process.argv.slice(2);
const app = new bolt.App({
  token: botToken,
  appToken,
  socketMode: true,
  clientOptions: { slackApiUrl: api },
  logLevel: bolt.LogLevel.ERROR,
});
app.command("/bg", async ({ ack, respond, command }) => {
  await ack();
  await respond(`you said ${command.text}`);
});
app.action("go", async ({ ack, body, client }) => {
  await ack();
  await client.chat.postMessage({ channel: "C1", text: `clicked by ${body.user.id}` });
});
await app.start();
console.log("connected");
