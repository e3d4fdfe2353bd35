"""What a thousand services look like from outside: a stats socket that answers as HAProxy 2.6 does, and a Prometheus.

They run in a process of their own, answer at once and count evenly, so that what is measured beside them is guardian.

    python tests/bench/crowd.py DIRECTORY SERVICES PORT
"""

import asyncio
import json
import sys
import time
from pathlib import Path

HEADER = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,"
    "chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,"
    "check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,"
    "comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,"
    "check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,"
    "conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,"
    "rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,"
    "agg_server_check_status,agg_check_status,-,ssl_sess,ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,"
    "h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,"
    "h2_rst_stream_resp,h2_goaway_resp,h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,"
    "h1_open_connections,h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,"
    "h1_spliced_bytes_out,"
)
REQUESTS = 100.0
"""A second, for each service; one of a thousand fails."""
ROW = (
    "{name},BACKEND,0,0,5,9,999,{n},{n},{n},0,0,,0,0,0,0,UP,1,1,0,,0,1,0,,1,3,0,,{n},,1,10,,20,,,,0,{good},0,0,{bad},0,,,,{n},0,0,0,0,0,"
    "0,1,,,0,0,40,50,,,,,,,,,,,,,,http,roundrobin,,,,,,,0,{n},0,0,0,,,0,0,99,99,0,,,,,1,0,0,0,-" + ",0" * 27 + ","
)
INFO = "Name: HAProxy\nVersion: 2.6.12\nPid: 1\nStart_time_sec: 1700000000\nStopping: 0\n"
PROMPT = "\n> "


class Socket:
    """The stats socket. Rows are written anew ten times a second at the most: more often nobody would see a difference."""

    def __init__(self, services: int) -> None:
        self._names = [f"service-{number}_{side}" for number in range(services) for side in ("blue", "green")]
        self._began, self._written, self._text = time.monotonic(), 0.0, ""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection in interactive mode."""
        while line := await reader.readline():
            answers = [self._answer(command.strip()) for command in line.decode().split(";")]
            writer.write("".join(f"{answer}{PROMPT}" for answer in answers).encode())
            await writer.drain()

    def _answer(self, command: str) -> str:
        match command.split():
            case ["show", "info"]:
                return INFO
            case ["show", "stat", "-1", *_]:
                return self._stat()
            case ["show", "stat", name, *_]:
                return "\n".join((HEADER, self._row(name, time.monotonic() - self._began), ""))
            case _:
                return ""

    def _stat(self) -> str:
        now = time.monotonic()
        if now - self._written > 0.1:
            rows = (self._row(name, now - self._began) for name in self._names)
            self._text, self._written = "\n".join((HEADER, *rows, "")), now
        return self._text

    @staticmethod
    def _row(name: str, seconds: float) -> str:
        number = int(seconds * REQUESTS) if name.endswith("green") else 0
        bad = number // 1000
        return ROW.format(name=name, n=number, good=number - bad, bad=bad)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection to Prometheus, which has one good answer for everything."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        await reader.readexactly(length)
        found = {"resultType": "vector", "result": [{"metric": {}, "value": [time.time(), "0.1"]}]}
        body = json.dumps({"status": "success", "data": found}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


async def quietly(converse: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection until the other side hangs up."""
    try:
        await converse(reader, writer)  # type: ignore[operator]
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(directory: Path, services: int, port: int) -> None:
    """Serve until killed; a line on standard output says when."""
    stats = Socket(services)
    await asyncio.start_unix_server(lambda r, w: quietly(stats.converse, r, w), directory / "stats.sock", limit=1 << 20)
    await asyncio.start_server(lambda r, w: quietly(ask, r, w), "127.0.0.1", port)
    print("ready", flush=True)  # noqa: T201  whoever started this waits for it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
