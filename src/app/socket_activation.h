// Sockets that systemd has opened for us (sd_listen_fds(3), systemd.socket(5)).
#pragma once

#include <string>
#include <vector>

namespace llama_swap::app {

struct InheritedSocket {
  int fd = -1;
  std::string name;  // FileDescriptorName= of the socket unit; "" if there is none
};

// The sockets handed to this process, now closed on exec. Takes the variables that name them out of
// the environment, so that model servers do not take the sockets for theirs. Before threads are
// started; a second call gives none.
std::vector<InheritedSocket> take_inherited_sockets();

}  // namespace llama_swap::app
