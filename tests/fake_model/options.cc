#include "options.h"

#include <cstdio>
#include <cstdlib>

#include "util/text.h"

namespace fake_model {
namespace {

using llama_swap::util::split;
using V = std::string_view;
using Table = std::vector<Setting<Options>>;

bool set_address(Options& o, V v) {
  const std::size_t colon = v.rfind(':');
  if (colon == v.npos) return false;
  o.host = v.substr(0, colon);
  return store(o.port, parse_number<int>(v.substr(colon + 1)));
}

bool set_exit_after(Options& o, V v) {
  const std::size_t colon = std::min(v.find(':'), v.size());
  if (colon < v.size() && !store(o.exit_status, parse_number<int>(v.substr(colon + 1))))
    return false;
  return store(o.exit_after, parse_duration(v.substr(0, colon)));
}

bool set_on_term(Options& o, V v) {
  if (v == "exit") return o.on_term = OnTerm::exit, true;
  if (v == "ignore") return o.on_term = OnTerm::ignore, true;
  if (v == "hang") return o.on_term = OnTerm::hang, true;
  o.on_term = OnTerm::delay;
  return v.starts_with("delay:") && store(o.term_delay, parse_duration(v.substr(6)));
}

bool add_child(Options& o, V v) {
  Child child;
  for (V word : split(v, '+')) {
    if (word == "setsid")
      child.setsid = true;
    else if (word == "pipe")
      child.pipe = true;
    else if (word == "polite")
      child.polite = true;
    else if (word != "plain")
      return false;
  }
  o.children.push_back(child);
  return true;
}

Table common_settings() {
  return {
      {"listen", "HOST:PORT", "where to listen (localhost:9898)", set_address},
      {"host", "HOST", "localhost or a numeric address",
       [](Options& o, V v) {
         o.host = v;
         return true;
       }},
      {"port", "N", "", [](Options& o, V v) { return store(o.port, parse_number<int>(v)); }},
      {"tag", "NAME", "who this is; in every answer and record",
       [](Options& o, V v) {
         o.tag = v;
         return true;
       }},
      {"tokens", "N", "length of a generated answer (1000)",
       [](Options& o, V v) { return store(o.tokens, parse_number<int>(v)); }},
      {"tps", "RATE", "tokens a second (75), 0 = no pauses",
       [](Options& o, V v) { return store(o.tps, parse_number<double>(v)); }},
      {"answer", "CONTROLS", "controls for every answer, see below",
       [](Options& o, V v) { return !apply_controls(o.answer, v); }},
      {"memory", "SIZE", "memory to take and to touch",
       [](Options& o, V v) { return store(o.memory, parse_size(v)); }},
      {"record", "FILE", "append what happens as JSON lines",
       [](Options& o, V v) {
         o.record = v;
         return true;
       }},
      {"idle-close", "DUR", "close a connection that is idle that long",
       [](Options& o, V v) { return store(o.idle_close, parse_duration(v)); }},
      {"close-after", "N", "close a connection, unannounced, after N answers",
       [](Options& o, V v) { return store(o.close_after, parse_number<int>(v)); }},
      {"stream-close", "", "close the connection, unannounced, 20 ms after a stream",
       [](Options& o, V) {
         o.stream_close = true;
         return true;
       }},
  };
}

Table life_settings() {
  return {
      {"bind-delay", "DUR", "wait before listening",
       [](Options& o, V v) { return store(o.bind_delay, parse_duration(v)); }},
      {"load", "DUR", "health is 503 for that long after the start",
       [](Options& o, V v) { return store(o.load, parse_duration(v)); }},
      {"health-path", "PATH", "(/health)",
       [](Options& o, V v) {
         o.health_path = v;
         return true;
       }},
      {"health-status", "N", "(200)",
       [](Options& o, V v) { return store(o.health_status, parse_number<int>(v)); }},
      {"health-hang", "", "accept health requests and never answer",
       [](Options& o, V) {
         o.health_hang = true;
         return true;
       }},
      {"health-endless", "", "200, but its body never ends",
       [](Options& o, V) {
         o.health_endless = true;
         return true;
       }},
      {"health-file", "FILE", "503 until FILE exists",
       [](Options& o, V v) {
         o.health_file = v;
         return true;
       }},
      {"need-file", "FILE", "exit at once with 3 if FILE does not exist",
       [](Options& o, V v) {
         o.need_file = v;
         return true;
       }},
      {"fail-start", "STATUS", "exit where it would begin to listen",
       [](Options& o, V v) { return store(o.fail_start, parse_number<int>(v)); }},
      {"exit-after", "DUR[:STATUS]", "exit that long after the start", set_exit_after},
      {"crash-on", "N", "die by SIGKILL at the N-th request, before its answer",
       [](Options& o, V v) { return store(o.crash_on, parse_number<int>(v)); }},
      {"on-term", "HOW", "exit | ignore | delay:DUR | hang (as llama-server with a client)",
       set_on_term},
      {"fork", "", "serve from a child; this process waits for it",
       [](Options& o, V) {
         o.fork = true;
         return true;
       }},
      {"daemon", "", "serve from a child in a session of its own; this process exits",
       [](Options& o, V) {
         o.daemon = true;
         return true;
       }},
      {"child", "WORDS", "start a child that only waits: plain or setsid+pipe+polite in any mix",
       add_child},
      {"print", "TEXT", "a line for stdout",
       [](Options& o, V v) {
         o.print = v;
         return true;
       }},
      {"print-err", "TEXT", "a line for stderr",
       [](Options& o, V v) {
         o.print_error = v;
         return true;
       }},
      {"flood", "SIZE", "that much numbered output before listening",
       [](Options& o, V v) { return store(o.flood, parse_size(v)); }},
      {"talk", "DUR", "a line of output every DUR",
       [](Options& o, V v) { return store(o.talk, parse_duration(v)); }},
  };
}

std::string usage(const Table& common, const Table& life) {
  return "fake-model: a model server that generates nothing and misbehaves on request.\n\n"
         "Flags (one or two dashes, `-name value` or `-name=value`)\n" +
         help(common, "--", " ") + "\nLife and death\n" + help(life, "--", " ") +
         "\nControls, in `--answer` or in the request header `X-Fake`, separated by commas\n" +
         help(control_table(), "", ":") +
         "\nRoutes: /health /props /v1/models /v1/chat/completions /v1/completions /v1/embeddings\n"
         "/v1/messages /v1/messages/count_tokens /v1/responses; any other path answers with the "
         "request itself.\n";
}

[[noreturn]] void reject(const std::string& why) {
  std::fprintf(stderr, "fake-model: %s (see --help)\n", why.c_str());
  std::exit(2);
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  const Table common = common_settings();
  const Table life = life_settings();
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    V text = arguments[i];
    const std::size_t dashes = text.starts_with("--") ? 2 : text.starts_with("-") ? 1 : 0;
    if (dashes == 0) reject("unexpected argument " + arguments[i]);
    text.remove_prefix(dashes);
    const std::size_t equals = std::min(text.find('='), text.size());
    const V name = text.substr(0, equals);
    if (name == "help" || name == "h") {
      std::fputs(usage(common, life).c_str(), stdout);
      std::exit(0);
    }
    const Setting<Options>* setting = find(common, name);
    if (!setting) setting = find(life, name);
    if (!setting) reject("unknown flag " + arguments[i]);
    V value;
    if (equals < text.size()) {
      value = text.substr(equals + 1);
    } else if (!setting->takes.empty()) {
      if (++i == arguments.size()) reject("no value for " + arguments[i - 1]);
      value = arguments[i];
    }
    if (!setting->set(options, value))
      reject("bad value for --" + std::string(name) + ": " + std::string(value));
  }
  return options;
}

}  // namespace fake_model
