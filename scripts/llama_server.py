"""A llama.cpp server as a plain program, over the xllamacpp library: what `llama-server` is elsewhere.

Takes the few options of llama-server that the demo and the tests use. Logs to stderr, serves llama-server's whole HTTP
interface (/health answers 503 while loading), ends with status 0 on SIGTERM and SIGINT, and with 1 when the model
cannot be loaded or the port is taken.
"""
import argparse
import os
import signal

import xllamacpp

ENDING = {signal.SIGTERM, signal.SIGINT}


def options():
    parser = argparse.ArgumentParser(prog="llama-server")
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("-c", "--ctx-size", type=int, default=0)
    parser.add_argument("-t", "--threads", type=int, default=0)
    parser.add_argument("-np", "--parallel", type=int, default=1)
    parser.add_argument("--alias", default="")
    parser.add_argument("--slot-save-path", default="")
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--rerank", action="store_true")
    parser.add_argument("--metrics", action="store_true")
    parser.add_argument("--swa-full", action="store_true")
    return parser.parse_args()


def server_params(given):
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.hostnames = [given.host]
    params.port = given.port
    params.n_ctx = given.ctx_size
    params.n_parallel = given.parallel
    params.swa_full = given.swa_full
    params.endpoint_slots = True
    params.endpoint_metrics = given.metrics
    if given.threads:
        params.cpuparams.n_threads = given.threads
    if given.alias:
        params.model_alias = {given.alias}
    if given.slot_save_path:
        params.slot_save_path = os.path.join(given.slot_save_path, "")
    if given.embeddings or given.rerank:
        params.embedding = True
        pooling = xllamacpp.llama_pooling_type
        params.pooling_type = (pooling.LLAMA_POOLING_TYPE_RANK if given.rerank
                               else pooling.LLAMA_POOLING_TYPE_MEAN)
    return params


def main():
    given = options()
    # Before the library starts its threads, so that they inherit it and the signal reaches sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    server = xllamacpp.Server(server_params(given))
    print("listening on", server.listening_address, flush=True)
    signal.sigwait(ENDING)
    os._exit(0)  # at once: the destructor would wait for running requests


main()
