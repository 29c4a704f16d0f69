// Properties shared by the sections of an app's page.

import type { AppData } from '../../api'

export interface AppProps {
  app: AppData
  /** Fetches the app again after a change. */
  reload: () => Promise<void>
}

export interface AppDialogProps extends AppProps {
  onClose: () => void
}
