// From the finished tree to a Config (2, steps 10 to 16).
#pragma once

#include "config/config.h"
#include "config/reader.h"
#include "config/report.h"
#include "config/templates.h"

namespace llama_swap::config {

// Everything wrong is reported; the result counts only if nothing was.
Config decode(const Node& root, const Ports& ports, Report& report);

// The parts, in the order in which they are called. Each reads its sections from the top-level
// reader, checks them, and fills in its fields of the Config. First what stands for itself:
void read_global_settings(const Reader& root, Config& config);             // decode_globals.cc
void read_tracing(const Reader& root, Config& config);                     // decode_tracing.cc
void read_access(const Reader& root, Config& config);                      // decode_access.cc
void read_models(const Reader& root, const Ports& ports, Config& config);  // decode_models.cc
void read_peers(const Reader& root, Config& config);                       // decode_models.cc
// Then, if all that was right, what refers to models:
void read_aliases(const Reader& root, Config& config);            // decode_names.cc
void read_routing(const Reader& root, Config& config);            // decode_routing.cc
void read_preload(const Reader& root, Config& config);            // decode_names.cc
void read_selectors(const Reader& root, Config& config);          // decode_selectors.cc
void read_profiles(const Reader& root, Config& config);           // decode_selectors.cc
void check_peer_names(const Reader& root, const Config& config);  // decode_names.cc

// A list of RE2 patterns; those that are none are reported.
std::vector<std::string> read_patterns(const Reader& reader, std::string_view key);
// A count of seconds, limited to what a clock in nanoseconds can hold (285 years).
seconds whole_seconds(std::int64_t count);
// Limited to the range of int.
int saturated(std::int64_t value);

}  // namespace llama_swap::config
