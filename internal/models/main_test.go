package models

import (
	"os"
	"testing"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
