// The sets of the matrix (7.4, 8), from what is configured to what can be asked.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.h"
#include "matrix/sets.h"

namespace llama_swap::config {

// A name in an expression means the model of the var of that name, else the model of that id (an
// alias is none). `number` gives the models their numbers, by id. Nothing but the names and the
// expressions is checked, and they are right in a Config that has been loaded.
tl::expected<matrix::Sets, std::vector<matrix::SetFault>> build_sets(
    const Matrix& matrix, const std::map<std::string, Model>& models,
    const std::function<matrix::Model(const std::string& id)>& number);

}  // namespace llama_swap::config
