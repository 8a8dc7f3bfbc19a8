// The byte search of util, under the names that the parsers of this folder use.
#pragma once

#include "util/byte_search.h"

namespace llama_swap::net {

using util::Bytes16;
using util::find_control;
using util::find_first;

}  // namespace llama_swap::net
