#include "app/flags.h"

#include <gtest/gtest.h>

namespace llama_swap::app {
namespace {

TEST(Flags, Accepted) {
  const struct {
    std::vector<std::string> arguments;
    std::string config, listen;
    bool watch;
  } cases[] = {
      {{}, "", ":8080", false},
      {{"-config", "a"}, "a", ":8080", false},
      {{"--config=a", "-listen=:1"}, "a", ":1", false},
      {{"-config=a", "-config", "b"}, "b", ":8080", false},
      {{"-watch-config"}, "", ":8080", true},
      {{"-watch-config=T"}, "", ":8080", true},
      {{"-watch-config=true", "-watch-config=0"}, "", ":8080", false},
      {{"-watch-config", "false", "-config", "a"}, "", ":8080", true},  // a word ends the flags
      {{"-config", "a", "--", "-nosuch"}, "a", ":8080", false},
      {{"-config", "a", "word", "-nosuch"}, "a", ":8080", false},
      {{"-config", "-listen"}, "-listen", ":8080", false},
      {{"-config="}, "", ":8080", false},
      {{"-", "-nosuch"}, "", ":8080", false},
      {{"-tls-cert-file", "c"}, "", ":8443", false},
  };
  for (const auto& c : cases) {
    const auto flags = parse_flags(c.arguments);
    ASSERT_TRUE(flags) << testing::PrintToString(c.arguments);
    EXPECT_EQ(flags->config, c.config) << testing::PrintToString(c.arguments);
    EXPECT_EQ(flags->listen_address(), c.listen);
    EXPECT_EQ(flags->watch_config, c.watch);
  }
}

TEST(Flags, Refused) {
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } cases[] = {
      {{"-nosuch"}, "flag provided but not defined: -nosuch"},
      {{"--nosuch=1"}, "flag provided but not defined: -nosuch"},
      {{"-config"}, "flag needs an argument: -config"},
      {{"-watch-config=yes"}, "invalid boolean value \"yes\" for -watch-config: parse error"},
      {{"---config"}, "bad flag syntax: ---config"},
      {{"-=x"}, "bad flag syntax: -=x"},
  };
  for (const auto& c : cases) {
    const auto flags = parse_flags(c.arguments);
    ASSERT_FALSE(flags);
    EXPECT_EQ(flags.error().message, c.message);
  }
}

TEST(Flags, HelpNamesAll) {
  EXPECT_TRUE(parse_flags({"-h"})->help);
  EXPECT_TRUE(parse_flags({"--help", "-nosuch"})->help);
  for (const char* name : {"-config ", "-config-dir ", "-listen ", "-tls-cert-file ",
                           "-tls-key-file ", "-watch-config\n", "-version\n"})
    EXPECT_NE(flag_help().find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace llama_swap::app
