// By which full names the network knows this machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::server {

// The host name itself if it has a domain, else the name in each search domain of a text like
// /etc/resolv.conf (resolv.conf(5)). In lower case. Not every name that begins like this machine's:
// `ubuntu.evil.example` is anybody's. Pure.
std::vector<std::string> own_names(std::string_view host_name, std::string_view resolv_conf);

// The same for this machine as of now. Reads two small local files: not for every request.
std::vector<std::string> own_names();

}  // namespace llama_swap::server
