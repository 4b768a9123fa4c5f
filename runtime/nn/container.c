/* Sequential: calls its children in order. Containers that text names otherwise are the same class. */
#include "runtime/nn/nn.h"

const lazy_class lazy_class_sequential = {LAZY_CLASS("Sequential"), .is_container = true};
