# cmake -DFROM=with_lines.ptx -DTO=plain.ptx -P strip_lines.cmake: takes the source's lines out of PTX that nvcc made with
# -lineinfo; what is left is what it makes without.
file(READ "${FROM}" text)
string(FIND "${text}" "\n\t.section\t.debug_" end)
if(NOT end EQUAL -1)
  string(SUBSTRING "${text}" 0 ${end} text)
  string(APPEND text "\n\n")
endif()
string(REGEX REPLACE "\n\t\\.(loc|file)\t[^\n]*" "" text "${text}")
file(WRITE "${TO}" "${text}")
