// The one translation unit that holds the non-template half of Boost.Asio.
#include <boost/asio/impl/src.hpp>
