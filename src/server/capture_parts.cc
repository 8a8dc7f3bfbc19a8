#include "server/capture_parts.h"

namespace llama_swap::server {
namespace {

struct Rule {
  std::string_view path;
  CaptureParts parts;
};

// Sound and pictures are left out.
constexpr Rule kRules[] = {
    {"/v1/audio/speech", {true, false}},         {"/v1/images/generations", {true, false}},
    {"/sdapi/v1/txt2img", {true, false}},        {"/v1/audio/voices", {false, true}},
    {"/v1/audio/transcriptions", {false, true}}, {"/v1/images/edits", {false, false}},
    {"/sdapi/v1/img2img", {false, false}},
};

}  // namespace

CaptureParts capture_parts(std::string_view path, int status) {
  CaptureParts parts;
  for (const Rule& rule : kRules)
    if (rule.path == path) parts = rule.parts;
  if (status != 200) parts.response_body = false;
  return parts;
}

}  // namespace llama_swap::server
