# Helpers that keep the CMakeLists.txt of a folder down to its list of files.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)

# What every target of ours is compiled with.
add_library(project_options INTERFACE)
target_compile_options(project_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
target_include_directories(project_options INTERFACE ${CMAKE_SOURCE_DIR}/src)

set(SANITIZE "" CACHE STRING "address, thread or empty")
if(SANITIZE STREQUAL "address")
  target_compile_options(project_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(project_options INTERFACE -fsanitize=address,undefined)
elseif(SANITIZE STREQUAL "thread")
  target_compile_options(project_options INTERFACE -fsanitize=thread)
  target_link_options(project_options INTERFACE -fsanitize=thread)
endif()

# add_module(<name> SOURCES <file>... [TESTS <file>...] [DEPENDS <target>...])
# One folder of src/: a static library, and one test program <name>_test if it has tests.
function(add_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC project_options fmt::fmt ${ARG_DEPENDS})
  if(ARG_TESTS)
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE ${name} GTest::gtest GTest::gmock GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
