// A configuration as it counts, as a tree: every key of the table of keys that has a value, with
// that value in one spelling, and where it is from. Two configurations mean the same where their
// trees are the same, whatever the files look like.
#pragma once

#include "config/load.h"
#include "config/yaml_tree.h"

namespace llama_swap::app {

// Of a LoadResult that has a config. In the result:
//   * defaults are filled in (Mark::source -1), macros, comments and unknown keys are gone; what is
//     empty by default and not set is not there;
//   * what a model takes from the top level stands in the model, with the place it is from;
//   * groups and matrix stand under routing.router.settings, where the one that counts is;
//   * integers are decimal, booleans true or false, durations and sizes in their largest unit.
// It can be written as YAML and loaded again, to the same effect; but ${PORT} is then a number like
// others, which need not be free when the model starts.
config::Node effective(const config::LoadResult& loaded);

}  // namespace llama_swap::app
