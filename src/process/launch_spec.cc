#include <tuple>

#include "process/launcher.h"

namespace llama_swap::process {

LaunchSpec launch_spec(const config::Model& model) {
  LaunchSpec spec;
  spec.model = model.id;
  spec.cmd = model.cmd;
  spec.cmd_stop = model.cmd_stop;
  spec.env = model.env;
  spec.proxy = model.proxy;
  spec.owns_port = model.port.has_value();
  spec.check_endpoint = model.check_endpoint;
  spec.ca_file = model.ca_file;
  spec.timeouts = model.timeouts;
  spec.health_check_timeout = model.health_check_timeout;
  spec.unload_timeout = model.unload_timeout;
  spec.stop_scope = model.stop_scope;
  return spec;
}

bool LaunchSpec::operator==(const LaunchSpec& other) const {
  const auto identity = [](const LaunchSpec& s) {
    return std::tie(s.model, s.cmd, s.cmd_stop, s.env, s.proxy, s.check_endpoint, s.stop_scope);
  };
  return identity(*this) == identity(other);
}

}  // namespace llama_swap::process
