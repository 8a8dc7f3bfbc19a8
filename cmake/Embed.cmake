# embed(<target> <symbol> <file>)
# Puts a file into <target> as `extern const unsigned char <symbol>[]` and `<symbol>_end[]`, by .incbin: no copy, no
# conversion, and the linker keeps it in the read-only segment. <file> may be the output of another target.
function(embed target symbol file)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(WRITE ${out}
"    .section .rodata
    .global ${symbol}
    .global ${symbol}_end
    .balign 16
${symbol}:
    .incbin \"${file}\"
${symbol}_end:
    .byte 0
    .section .note.GNU-stack,\"\",@progbits
")
  set_source_files_properties(${out} PROPERTIES LANGUAGE C OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${out})
endfunction()
