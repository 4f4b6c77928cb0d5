// Messages to index: generated ones, the same every time, or those of a file.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace hauspost::bench {

// `path`: messages as netstrings (LENGTH:BYTES, one after the other). Ends the program when it
// cannot be read. At most `count`.
std::vector<std::shared_ptr<const std::string>> read_corpus(const std::string& path,
                                                            std::size_t count);

// About 10 KB a message: words by Zipf's law, unique ids and addresses in the header, HTML in some,
// a binary attachment in some. "obsidian" is in one body of a hundred, "heliotrope" in one of two
// hundred and in base64, "kestrel" in one Subject of a hundred.
std::vector<std::shared_ptr<const std::string>> make_corpus(std::size_t count);

}  // namespace hauspost::bench
