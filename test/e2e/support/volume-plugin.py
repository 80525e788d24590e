#!/usr/bin/python3
"""A volume driver by docker's volume plugin protocol, whose volumes are directories.

volume-plugin.py SOCKET DIRECTORY   serves on a unix socket
volume-plugin.py                    serves one connection, its descriptor 3; /run/volume-plugin-directory says which directory

What it is asked is written to DIRECTORY/log.
"""
import http.server
import json
import os
import socket
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = json.loads(body or b"{}")
        with open(os.path.join(DIRECTORY, "log"), "a") as log:
            log.write(f"{self.path[1:]} {json.dumps(request, sort_keys=True)}\n")
        try:
            reply = {"Err": "", **METHODS[self.path](request)}
        except Exception as error:
            reply = {"Err": str(error)}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.2+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def place(name):
    return os.path.join(DIRECTORY, "volumes", name)


def existing(request):
    if not os.path.isdir(place(request["Name"])):
        raise Exception(f"no volume {request['Name']}")
    return place(request["Name"])


def create(request):
    if (request.get("Opts") or {}).get("fail"):
        raise Exception("told to fail")
    os.makedirs(place(request["Name"]), exist_ok=True)
    return {}


def remove(request):
    os.rename(existing(request), os.path.join(DIRECTORY, f"removed-{request['Name']}"))
    return {}


def describe(name):
    return {"Name": name, "Mountpoint": place(name), "Status": {"kind": "directory"}}


METHODS = {
    "/Plugin.Activate": lambda _: {"Implements": ["VolumeDriver"]},
    "/VolumeDriver.Capabilities": lambda _: {"Capabilities": {"Scope": "global"}},
    "/VolumeDriver.Create": create,
    "/VolumeDriver.Remove": remove,
    "/VolumeDriver.Mount": lambda request: {"Mountpoint": existing(request)},
    "/VolumeDriver.Path": lambda request: {"Mountpoint": existing(request)},
    "/VolumeDriver.Unmount": lambda request: {} if existing(request) else {},
    "/VolumeDriver.Get": lambda request: {"Volume": describe(request["Name"])} if existing(request) else {},
    "/VolumeDriver.List": lambda _: {"Volumes": [describe(name) for name in sorted(os.listdir(place("")))]},
}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if len(sys.argv) == 3:
    DIRECTORY = sys.argv[2]
    os.makedirs(place(""), exist_ok=True)
    Server(sys.argv[1], Handler).serve_forever()
else:
    DIRECTORY = open("/run/volume-plugin-directory").read().strip()
    os.makedirs(place(""), exist_ok=True)
    Handler(socket.socket(fileno=3), "client", None)
